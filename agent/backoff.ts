/**
 * How long to wait before the next try: doubles up to a limit, and half of it is random, so
 * that many agents do not march in step. Pure.
 *
 * @module
 */
export type BackoffLimits = {
  readonly firstMilliseconds: number;
  readonly lastMilliseconds: number;
};

/**
 * @param failures in a row, at least 1
 * @param random 0 to 1
 */
export function backoffMilliseconds(
  failures: number,
  { firstMilliseconds, lastMilliseconds }: BackoffLimits,
  random: number,
): number {
  const full = Math.min(lastMilliseconds, firstMilliseconds * 2 ** Math.min(failures - 1, 30));
  return full * (0.5 + random / 2);
}
