/**
 * Waiting with an end: nothing in the lab waits for ever.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** @throws {Error} when the promise has not settled after `ms` milliseconds */
export async function deadline<T>(
  promise: Promise<T>,
  { ms, what }: { readonly ms: number; readonly what: string },
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`Waited ${ms} ms in vain for ${what}`)), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks again and again until the answer is not undefined.
 *
 * @throws {Error} after `ms` milliseconds; the last error of `ask` is its cause
 */
export async function eventually<T>(
  ask: () => Promise<T | undefined> | T | undefined,
  {
    ms,
    what,
    everyMs = 50,
  }: { readonly ms: number; readonly what: string; readonly everyMs?: number },
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    let cause: unknown;
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > end) {
      throw new Error(`Waited ${ms} ms in vain for ${what}`, { cause });
    }
    await sleep(everyMs);
  }
}
