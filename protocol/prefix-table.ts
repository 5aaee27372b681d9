/**
 * A table of prefixes searched by longest match, as a router searches its routes: one Map
 * per prefix length, tried from the longest. The slow oracle that proves it is in
 * `test/fakes/slow-prefix-table.ts`.
 *
 * @module
 */
import {
  type Address,
  addressParts,
  type Family,
  networkMask,
  type Prefix,
  prefixParts,
} from './net.ts';

export type PrefixMatch<T> = { readonly prefix: Prefix; readonly value: T };

export class PrefixTable<T> {
  /** By family and length, longest first; inside, by network address. */
  readonly #levels: Record<Family, Level<T>[]> = { 4: [], 6: [] };
  #size = 0;

  constructor(entries: Iterable<readonly [Prefix, T]> = []) {
    for (const [prefix, value] of entries) this.set(prefix, value);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a prefix or replaces its value. */
  set(prefix: Prefix, value: T): void {
    const { family, bits, length } = prefixParts(prefix);
    const level = this.#level(family, length);
    if (!level.entries.has(bits)) this.#size++;
    level.entries.set(bits, { prefix, value });
  }

  /** @returns false when the prefix was not there */
  delete(prefix: Prefix): boolean {
    const { family, bits, length } = prefixParts(prefix);
    const isDeleted = this.#find(family, length)?.entries.delete(bits) ?? false;
    if (isDeleted) this.#size--;
    return isDeleted;
  }

  /** The value of exactly this prefix. */
  get(prefix: Prefix): T | undefined {
    const { family, bits, length } = prefixParts(prefix);
    return this.#find(family, length)?.entries.get(bits)?.value;
  }

  /** The longest prefix that holds the address. */
  match(address: Address): PrefixMatch<T> | undefined {
    const { family, bits } = addressParts(address);
    for (const level of this.#levels[family]) {
      const found = level.entries.get(bits & level.mask);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Every prefix of the table that shares an address with this one, longest first. */
  overlapping(prefix: Prefix): PrefixMatch<T>[] {
    const { family, bits, length } = prefixParts(prefix);
    const mask = networkMask(family, length);
    return this.#levels[family].flatMap((level) => {
      if (level.length > length) {
        return [...level.entries].filter(([at]) => (at & mask) === bits).map(([, match]) => match);
      }
      const covering = level.entries.get(bits & level.mask);
      return covering === undefined ? [] : [covering];
    });
  }

  #find(family: Family, length: number): Level<T> | undefined {
    return this.#levels[family].find((level) => level.length === length);
  }

  #level(family: Family, length: number): Level<T> {
    const found = this.#find(family, length);
    if (found !== undefined) return found;
    const level: Level<T> = { length, mask: networkMask(family, length), entries: new Map() };
    this.#levels[family].push(level);
    this.#levels[family].sort((a, b) => b.length - a.length);
    return level;
  }
}

/** At most 33 or 129 of them, whatever the number of prefixes. */
type Level<T> = {
  readonly length: number;
  readonly mask: bigint;
  readonly entries: Map<bigint, PrefixMatch<T>>;
};
