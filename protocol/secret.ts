/**
 * A value that must not be seen. It prints as `[secret]` wherever a program prints by
 * accident: string conversion, JSON, `console.log`, a logger.
 *
 * @module
 */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself; each call is a place a reviewer looks at. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [INSPECT](): string {
    return '[secret]';
  }
}
