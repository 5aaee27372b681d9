/**
 * Waits until a world has come to rest: nothing it can be asked about has changed for a while.
 */
const STEP_MILLISECONDS = 5;
const REST_MILLISECONDS = 60;
const LIMIT_MILLISECONDS = 10_000;

/** @throws {Error} when it does not come to rest in 10 s */
export async function untilQuiet(look: () => string): Promise<void> {
  const limit = Date.now() + LIMIT_MILLISECONDS;
  let seen = look();
  let since = Date.now();
  while (Date.now() - since < REST_MILLISECONDS) {
    if (Date.now() > limit) throw new Error('the world does not come to rest in 10 s');
    await new Promise((resolve) => setTimeout(resolve, STEP_MILLISECONDS));
    const now = look();
    if (now !== seen) since = Date.now();
    seen = now;
  }
}
