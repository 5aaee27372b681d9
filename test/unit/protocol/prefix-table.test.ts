import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { address, type Prefix, prefix } from '../../../protocol/net.ts';
import { PrefixTable } from '../../../protocol/prefix-table.ts';
import { denseAddress, densePrefix, family } from '../../fakes/arbitrary.ts';
import { SlowPrefixTable } from '../../fakes/slow-prefix-table.ts';

// The world of these tests: everything leaves by `wan`, site `hq` has 10.1.0.0/16 and one
// server of it stands at `branch`.
const TABLE = new PrefixTable([
  [prefix('0.0.0.0/0'), 'wan'],
  [prefix('10.1.0.0/16'), 'hq'],
  [prefix('10.1.2.3/32'), 'branch'],
]);

describe('PrefixTable.match()', () => {
  test('finds the longest prefix that holds the address', () => {
    expect(TABLE.match(address('10.1.2.3'))?.value).toBe('branch');
    expect(TABLE.match(address('10.1.2.4'))).toEqual({ prefix: '10.1.0.0/16', value: 'hq' });
    expect(TABLE.match(address('8.8.8.8'))?.value).toBe('wan');
  });

  test('keeps the families apart: the IPv4 default is none for IPv6', () => {
    expect(TABLE.match(address('::a01:203'))).toBeUndefined();
  });
});

describe('PrefixTable.overlapping()', () => {
  test('names what holds the prefix and what lies in it, longest first', () => {
    const prefixes = TABLE.overlapping(prefix('10.1.0.0/16')).map((match) => match.prefix);
    expect(prefixes).toEqual(['10.1.2.3/32', '10.1.0.0/16', '0.0.0.0/0']);
    expect(TABLE.overlapping(prefix('10.2.0.0/16')).map((match) => match.value)).toEqual(['wan']);
  });
});

describe('PrefixTable', () => {
  test('answers like a linear scan over bit strings, after any sets and deletes', () => {
    fc.assert(
      fc.property(fc.array(step(), { maxLength: 60 }), fc.array(question()), (steps, asked) => {
        const fast = new PrefixTable<number>();
        const slow = new SlowPrefixTable<number>();
        for (const [index, { kind, at }] of steps.entries()) {
          if (kind === 'delete') expect(fast.delete(at)).toBe(slow.delete(at));
          else {
            fast.set(at, index);
            slow.set(at, index);
          }
        }
        expect(fast.size).toBe(slow.size);
        for (const { target, near } of asked) {
          expect(fast.match(target)).toEqual(slow.match(target));
          expect(fast.get(near)).toBe(slow.get(near));
          const overlapping = fast.overlapping(near);
          expect(overlapping.map((match) => match.prefix).sort()).toEqual(slow.overlapping(near));
          const lengths = overlapping.map((match) => Number(match.prefix.split('/')[1]));
          expect(lengths).toEqual(lengths.toSorted((a, b) => b - a));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('does not depend on the order in which prefixes came', () => {
    fc.assert(
      fc.property(fc.uniqueArray(densePrefix(4)), denseAddress(4), (prefixes, target) => {
        const rows = prefixes.map((at): [Prefix, string] => [at, at]);
        const forward = new PrefixTable(rows).match(target);
        expect(new PrefixTable(rows.toReversed()).match(target)).toEqual(forward);
      }),
    );
  });
});

function step() {
  const at = family().chain((of) => densePrefix(of));
  return fc.record({ kind: fc.constantFrom('set', 'set', 'delete'), at });
}

function question() {
  return family().chain((of) => fc.record({ target: denseAddress(of), near: densePrefix(of) }));
}
