/**
 * What a parser of outside text answers: the checked value, or what is wrong and what
 * would be accepted. Refusals are values, because bad input is expected.
 *
 * @module
 */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

export function accept<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

/** @param message says what is so and what would be accepted; no full stop */
export function refuse(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}

/**
 * Unwraps a value that the program itself made, where a refusal would be a bug.
 *
 * @throws {RangeError} with the parser's message
 */
export function expectParsed<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new RangeError(parsed.message);
}
