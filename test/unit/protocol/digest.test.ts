import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addToDigest,
  canonicalJson,
  type Digest,
  EMPTY_DIGEST,
  subtractFromDigest,
} from '../../../protocol/digest.ts';

describe('canonicalJson()', () => {
  test('does not depend on the order in which members were written', () => {
    fc.assert(
      fc.property(fc.object(), (value) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
      }),
    );
  });

  test('loses nothing that JSON keeps', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('orders members by code unit and keeps the order of arrays', () => {
    expect(canonicalJson({ b: [2, 1], a: { d: null, c: undefined } })).toBe(
      '{"a":{"d":null},"b":[2,1]}',
    );
  });
});

describe('addToDigest() and subtractFromDigest()', () => {
  test('give the sum of SHA-256 values modulo 2^256, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.dictionary(memberName(), fc.nat())), (entries) => {
        const digest = entries.reduce(addToDigest, EMPTY_DIGEST);
        expect(digest).toBe(slowDigest(entries));
        expect(entries.toReversed().reduce(addToDigest, EMPTY_DIGEST)).toBe(digest);
        expect(entries.reduce(subtractFromDigest, digest)).toBe(EMPTY_DIGEST);
      }),
    );
  });

  test('notice an entry that came twice', () => {
    const once = addToDigest(EMPTY_DIGEST, { prefix: '10.1.0.0/16' });
    expect(addToDigest(once, { prefix: '10.1.0.0/16' })).not.toBe(once);
  });

  test('stay 64 digits at both ends of the ring', () => {
    const last = 'f'.repeat(64) as Digest; // the greatest value there is
    expect(addToDigest(last, {})).toMatch(/^[0-9a-f]{64}$/);
    expect(subtractFromDigest(EMPTY_DIGEST, {})).toMatch(/^[0-9a-f]{64}$/);
    expect(subtractFromDigest(addToDigest(last, {}), {})).toBe(last);
  });
});

/** By bytes with a carry, without big numbers; the entries are flat. */
function slowDigest(entries: readonly Record<string, number>[]): string {
  const sum = new Array<number>(32).fill(0);
  for (const entry of entries) {
    const members = Object.keys(entry)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${entry[name]}`);
    const text = `{${members.join(',')}}`;
    let carry = 0;
    for (const [index, byte] of [
      ...createHash('sha256').update(text).digest().entries(),
    ].reverse()) {
      const total = (sum[index] ?? 0) + byte + carry;
      sum[index] = total % 256;
      carry = Math.floor(total / 256);
    }
  }
  return Buffer.from(sum).toString('hex');
}

/** JavaScript puts names that are numbers first, whatever their order; no entry has one. */
function memberName(): fc.Arbitrary<string> {
  return fc.string().filter((name) => !/^\d+$/.test(name));
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, reversed(member)]),
  );
}
