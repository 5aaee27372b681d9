/**
 * The slow oracle of `protocol/prefix-table.ts`: prefixes as strings of "0" and "1" in a list,
 * searched from end to end. Shares no code with the product: it reads IPv4 by splitting and
 * IPv6 through the URL parser, which writes every address in one form.
 *
 * @module
 */

/** The address as 32 or 128 characters of "0" and "1". */
export function bitString(address: string): string {
  if (!address.includes(':')) return toBits(address.split('.').map(Number), 8);
  const hostname = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [left = '', right] = hostname.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':')).map(hexadecimal);
  const [head, tail] = [groups(left), groups(right ?? '')];
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0);
  return toBits([...head, ...zeros, ...tail], 16);
}

/** The leading bits that a prefix fixes. */
export function prefixBitString(prefix: string): string {
  const [address = '', length] = prefix.split('/');
  return bitString(address).slice(0, Number(length));
}

export class SlowPrefixTable<T> {
  readonly #rows: { prefix: string; bits: string; isIpv6: boolean; value: T }[] = [];

  set(prefix: string, value: T): void {
    this.delete(prefix);
    const isIpv6 = prefix.includes(':');
    this.#rows.push({ prefix, bits: prefixBitString(prefix), isIpv6, value });
  }

  delete(prefix: string): boolean {
    const index = this.#rows.findIndex((row) => row.prefix === prefix);
    if (index >= 0) this.#rows.splice(index, 1);
    return index >= 0;
  }

  get size(): number {
    return this.#rows.length;
  }

  get(prefix: string): T | undefined {
    return this.#rows.find((row) => row.prefix === prefix)?.value;
  }

  match(address: string): { prefix: string; value: T } | undefined {
    const bits = bitString(address);
    return this.#rows
      .filter((row) => row.isIpv6 === address.includes(':') && bits.startsWith(row.bits))
      .sort((a, b) => b.bits.length - a.bits.length)
      .map(({ prefix, value }) => ({ prefix, value }))[0];
  }

  /** Sorted by text: the order is the fast table's own affair. */
  overlapping(prefix: string): string[] {
    const bits = prefixBitString(prefix);
    return this.#rows
      .filter((row) => row.isIpv6 === prefix.includes(':'))
      .filter((row) => row.bits.startsWith(bits) || bits.startsWith(row.bits))
      .map((row) => row.prefix)
      .sort();
  }
}

function toBits(numbers: readonly number[], width: number): string {
  return numbers.map((number) => number.toString(2).padStart(width, '0')).join('');
}

function hexadecimal(text: string): number {
  return Number.parseInt(text, 16);
}
