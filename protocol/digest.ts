/**
 * Digest over a set of entries that can be brought forward entry by entry: the sum of the
 * entries' SHA-256 values modulo 2^256. A change costs what the change costs, whatever the
 * size of the set. It finds mistakes (a lost, doubled or altered entry); it is not a
 * signature: the sender is authenticated by TLS. See docs/decisions/0003-additive-digest.md.
 *
 * @module
 */
import { createHash } from 'node:crypto';

declare const digestBrand: unique symbol;

/** 64 hexadecimal digits. */
export type Digest = string & { readonly [digestBrand]: true };

export const DIGEST_PATTERN = '^[0-9a-f]{64}$';

export const EMPTY_DIGEST = '0'.repeat(64) as Digest;

const MODULUS = 1n << 256n;

export function addToDigest(digest: Digest, entry: object): Digest {
  return toDigest(toNumber(digest) + hashOf(entry));
}

export function subtractFromDigest(digest: Digest, entry: object): Digest {
  return toDigest(toNumber(digest) - hashOf(entry));
}

/**
 * JSON with the members of every object in order of their names; absent members left out.
 * (Names that are whole numbers come first, as JavaScript keeps them. No entry has one.)
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

function hashOf(entry: object): bigint {
  return BigInt(`0x${createHash('sha256').update(canonicalJson(entry)).digest('hex')}`);
}

function toNumber(digest: Digest): bigint {
  return BigInt(`0x${digest}`);
}

function toDigest(sum: bigint): Digest {
  return (((sum % MODULUS) + MODULUS) % MODULUS).toString(16).padStart(64, '0') as Digest;
}
