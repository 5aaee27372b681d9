/**
 * IP addresses and prefixes as canonical text with checked brands, and the arithmetic on
 * them that routing needs. Canonical means that equal values are equal strings: IPv4 as
 * four decimal numbers without leading zeros, IPv6 as RFC 5952 writes it, a prefix with
 * its host bits zero. Pure.
 *
 * Search by longest match is in `prefix-table.ts`; which ranges a site may own is in
 * `special-purpose.ts`.
 *
 * @module
 */
import { accept, expectParsed, type Parsed, refuse } from './parsed.ts';

declare const addressBrand: unique symbol;
declare const prefixBrand: unique symbol;

/** A canonical IPv4 or IPv6 address without zone or port, for example `10.1.0.1`. */
export type Address = string & { readonly [addressBrand]: true };

/** A canonical prefix, for example `10.1.0.0/16` or `2001:db8::/32`. */
export type Prefix = string & { readonly [prefixBrand]: true };

export type Family = 4 | 6;

/** A prefix taken apart: `bits` is the network address as one unsigned number. */
export type PrefixParts = {
  readonly family: Family;
  readonly bits: bigint;
  /** 0 to 32, or 0 to 128. */
  readonly length: number;
};

/** Length of an address in bits. */
export const ADDRESS_BITS: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

const IPV4_NUMBER = /^(?:0|[1-9]\d{0,2})$/;
const IPV6_GROUP = /^[0-9a-f]{1,4}$/i;
const PREFIX_LENGTH = /^(?:0|[1-9]\d{0,2})$/;
const DIGITS = /^\d{1,3}$/;

/** Accepts only the canonical spelling; the refusal names it when there is one. */
export function parseAddress(text: string): Parsed<Address> {
  const bits = readAddress(text);
  if (bits === undefined) {
    return refuse(`"${text}" is not an IP address; expected one like 10.1.0.1 or fd00::1`);
  }
  const canonical = formatAddress(bits.family, bits.bits);
  if (canonical !== text) return refuse(`"${text}" is not canonical; did you mean ${canonical}`);
  return accept(canonical);
}

/** Accepts only the canonical spelling; the refusal names it when there is one. */
export function parsePrefix(text: string): Parsed<Prefix> {
  const slash = text.indexOf('/');
  const address = readAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) {
    return refuse(`"${text}" is not an IP prefix; expected one like 10.1.0.0/16 or fd00:1::/64`);
  }
  const { family } = address;
  const full = ADDRESS_BITS[family];
  if (slash < 0) {
    const host = formatAddress(family, address.bits);
    return refuse(`"${text}" has no prefix length; for one address write ${host}/${full}`);
  }
  const lengthText = text.slice(slash + 1);
  const length = Number(lengthText);
  if (!PREFIX_LENGTH.test(lengthText) || length > full) {
    return refuse(`"${text}" has a bad prefix length; expected 0 to ${full} for IPv${family}`);
  }
  const canonical = formatPrefix({
    family,
    bits: address.bits & networkMask(family, length),
    length,
  });
  if (canonical === text) return accept(canonical);
  const hasHostBits = (address.bits & ~networkMask(family, length)) !== 0n;
  const fault = hasHostBits ? 'has host bits set' : 'is not canonical';
  return refuse(`"${text}" ${fault}; did you mean ${canonical}`);
}

/**
 * Canonical form of any valid spelling, for text that other programs print (glibc writes
 * `::10.0.0.1` where RFC 5952 has `::a00:1`). Undefined when it is no address.
 */
export function canonicalAddress(text: string): Address | undefined {
  const parts = readAddress(text);
  return parts && formatAddress(parts.family, parts.bits);
}

/** Like {@link canonicalAddress}; host bits are cleared, and a bare address is its host prefix. */
export function canonicalPrefix(text: string): Prefix | undefined {
  const [addressText = '', lengthText, ...rest] = text.split('/');
  const parts = readAddress(addressText);
  if (parts === undefined || rest.length > 0) return undefined;
  const full = ADDRESS_BITS[parts.family];
  const length = Number(lengthText ?? full);
  if (!DIGITS.test(lengthText ?? `${full}`) || length > full) return undefined;
  const { family, bits } = parts;
  return formatPrefix({ family, bits: bits & networkMask(family, length), length });
}

/** For text the program made itself. @throws {RangeError} when it is not canonical */
export function address(text: string): Address {
  return expectParsed(parseAddress(text));
}

/** For text the program made itself. @throws {RangeError} when it is not canonical */
export function prefix(text: string): Prefix {
  return expectParsed(parsePrefix(text));
}

/** The family of an address or a prefix. */
export function familyOf(value: Address | Prefix): Family {
  return value.includes(':') ? 6 : 4;
}

/** The prefix that holds this one address: /32 or /128. */
export function hostPrefix(value: Address): Prefix {
  return `${value}/${ADDRESS_BITS[familyOf(value)]}` as Prefix; // canonical because `value` is
}

/** The network address of a prefix, `10.1.0.0` of `10.1.0.0/16`. */
export function networkAddress(value: Prefix): Address {
  return value.slice(0, value.indexOf('/')) as Address; // canonical because `value` is
}

export function prefixLength(value: Prefix): number {
  return Number(value.slice(value.indexOf('/') + 1));
}

/** The prefix of this length that holds the address. @throws {RangeError} on a bad length */
export function prefixOf(value: Address, length: number): Prefix {
  const { family, bits } = addressParts(value);
  return formatPrefix({ family, bits: bits & networkMask(family, length), length });
}

export function addressParts(value: Address): { readonly family: Family; readonly bits: bigint } {
  const parts = readAddress(value);
  if (parts === undefined) throw new RangeError(`Cannot take apart "${value}": not an address`);
  return parts;
}

export function prefixParts(value: Prefix): PrefixParts {
  return { ...addressParts(networkAddress(value)), length: prefixLength(value) };
}

/** True when every address of `inner` is in `outer`; a prefix contains itself. */
export function contains(outer: Prefix, inner: Prefix | Address): boolean {
  const a = prefixParts(outer);
  const b = inner.includes('/')
    ? prefixParts(inner as Prefix)
    : prefixParts(hostPrefix(inner as Address));
  return (
    a.family === b.family &&
    a.length <= b.length &&
    a.bits === (b.bits & networkMask(a.family, a.length))
  );
}

/** True when some address is in both. Two prefixes overlap only when one contains the other. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return contains(a, b) || contains(b, a);
}

/** How many addresses a prefix holds. */
export function addressCount(value: Prefix): bigint {
  return 1n << BigInt(ADDRESS_BITS[familyOf(value)] - prefixLength(value));
}

/** The address `offset` places after the first. @throws {RangeError} outside the prefix */
export function addressAt(value: Prefix, offset: bigint): Address {
  if (offset < 0n || offset >= addressCount(value)) {
    throw new RangeError(`Cannot take address ${offset} of "${value}": outside the prefix`);
  }
  const { family, bits } = prefixParts(value);
  return formatAddress(family, bits + offset);
}

/** IPv4 before IPv6, then by number, then the shorter prefix first. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  const x = prefixParts(a);
  const y = prefixParts(b);
  if (x.family !== y.family) return x.family - y.family;
  if (x.bits !== y.bits) return x.bits < y.bits ? -1 : 1;
  return x.length - y.length;
}

/** @throws {RangeError} when `bits` does not fit the family */
export function formatAddress(family: Family, bits: bigint): Address {
  if (bits < 0n || bits >> BigInt(ADDRESS_BITS[family]) !== 0n) {
    throw new RangeError(`Cannot format address: ${bits} does not fit IPv${family}`);
  }
  return (family === 4 ? formatIpv4(bits) : formatIpv6(bits)) as Address; // formatted by rule
}

/** @throws {RangeError} when host bits are set or the parts do not fit the family */
export function formatPrefix({ family, bits, length }: PrefixParts): Prefix {
  if ((bits & ~networkMask(family, length)) !== 0n) {
    throw new RangeError(`Cannot format prefix: host bits set in ${bits}/${length}`);
  }
  return `${formatAddress(family, bits)}/${length}` as Prefix; // formatted by rule
}

/** @throws {RangeError} when the length does not fit the family */
export function networkMask(family: Family, length: number): bigint {
  const full = ADDRESS_BITS[family];
  if (!Number.isInteger(length) || length < 0 || length > full) {
    throw new RangeError(`Cannot make a mask: length ${length} is not 0 to ${full}`);
  }
  const host = BigInt(full - length);
  return ((1n << BigInt(full)) - 1n) ^ ((1n << host) - 1n);
}

function readAddress(text: string): { family: Family; bits: bigint } | undefined {
  const family = text.includes(':') ? 6 : 4;
  const bits = family === 4 ? readIpv4(text) : readIpv6(text);
  return bits === undefined ? undefined : { family, bits };
}

/** Four decimal numbers; no leading zeros, which some programs read as octal (RFC 6943 §3.1.1). */
function readIpv4(text: string): bigint | undefined {
  const numbers = text.split('.');
  if (numbers.length !== 4) return undefined;
  let bits = 0n;
  for (const number of numbers) {
    if (!IPV4_NUMBER.test(number) || Number(number) > 255) return undefined;
    bits = (bits << 8n) | BigInt(number);
  }
  return bits;
}

/** The text forms of RFC 4291 §2.2, without a zone (RFC 4007 §11). */
function readIpv6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const left = readGroups(halves[0] ?? '', halves.length === 1);
  const right = halves.length === 2 ? readGroups(halves[1] ?? '', true) : [];
  if (left === undefined || right === undefined) return undefined;
  const missing = 8 - left.length - right.length;
  // "::" stands for at least one group; RFC 5952 §4.2.2 discourages one but readers accept it.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...left, ...new Array<number>(missing).fill(0), ...right];
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(group), 0n);
}

/** Groups between colons; only the very end may be a dotted IPv4 address. */
function readGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const words = text.split(':');
  const groups: number[] = [];
  for (const [index, word] of words.entries()) {
    if (isEnd && index === words.length - 1 && word.includes('.')) {
      const bits = readIpv4(word);
      if (bits === undefined) return undefined;
      groups.push(Number(bits >> 16n), Number(bits & 0xffffn));
    } else if (IPV6_GROUP.test(word)) {
      groups.push(Number.parseInt(word, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

function formatIpv4(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join('.');
}

/**
 * RFC 5952 §4: lower case, no leading zeros, the longest run of at least two zero groups as
 * "::" (the first of equals); §5: an IPv4-mapped address ends in dotted form.
 */
function formatIpv6(bits: bigint): string {
  if (bits >> 32n === 0xffffn) return `::ffff:${formatIpv4(bits & 0xffffffffn)}`;
  const groups = Array.from({ length: 8 }, (_, index) =>
    Number((bits >> BigInt(112 - 16 * index)) & 0xffffn),
  );
  const run = longestZeroRun(groups);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (run.length < 2) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
