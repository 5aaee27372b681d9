/**
 * What a change may not take from the world by itself, made from the clock and the random
 * numbers that the program was given.
 *
 * @module
 */
import type { Clock } from './clock.ts';
import type { ChangeContext } from './model/types.ts';

/** Cryptographically random bytes. */
export type RandomBytes = (count: number) => Uint8Array;

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';
const ID_LENGTH = 20;

/** A context for one change: the time stands still in it. */
export function changeContext(clock: Clock, randomBytes: RandomBytes): ChangeContext {
  return {
    now: clock.now(),
    randomBytes,
    newId: (prefix) => `${prefix}_${randomDigits(randomBytes, ID_LENGTH)}`,
  };
}

/** A secret of 256 random bits, 43 characters of base64url. */
export function randomSecret(randomBytes: RandomBytes): string {
  return Buffer.from(randomBytes(32)).toString('base64url');
}

/** @param count of digits 0-9a-z, each equally likely */
export function randomDigits(randomBytes: RandomBytes, count: number): string {
  const fair = 256 - (256 % DIGITS.length); // bytes from here on would favour the first digits
  let text = '';
  while (text.length < count) {
    for (const byte of randomBytes(count)) {
      if (byte < fair && text.length < count) text += DIGITS[byte % DIGITS.length];
    }
  }
  return text;
}
