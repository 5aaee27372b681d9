/**
 * The one error of everything here that reads what the kernel or a program says.
 *
 * @module
 */

/**
 * A text or message is not what its documentation promises. Never quotes it, because it may
 * hold a key.
 */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';

  /**
   * @param source what was read: `wg show culvert0 dump`
   * @param fault what is so, and what was expected
   */
  constructor(source: string, fault: string, options?: ErrorOptions) {
    super(`Cannot read ${source}: ${fault}`, options);
  }
}
