import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  applyDelta,
  type Configuration,
  configurationOf,
  type Delta,
  deltaBetween,
  type Entry,
  EntrySchema,
  keyOf,
} from '../../../protocol/configuration.ts';
import { addToDigest, canonicalJson, EMPTY_DIGEST } from '../../../protocol/digest.ts';
import { prefix } from '../../../protocol/net.ts';
import { faultsOf } from '../../../protocol/schema.ts';
import { entry } from '../../fakes/arbitrary.ts';

// The world of these tests: a connector of network `net_aaa…` that knows two local prefixes.
const NETWORK = `net_${'a'.repeat(20)}`;
const LAN: Entry = { kind: 'local', network: NETWORK, prefix: prefix('10.1.0.0/16') };
const VOICE: Entry = { kind: 'local', network: NETWORK, prefix: prefix('10.2.0.0/16') };
const BASE = configurationOf({ epoch: 'e1', revision: 4 }, [LAN]);
const TARGET = configurationOf({ epoch: 'e1', revision: 5 }, [VOICE]);

describe('applyDelta()', () => {
  test('of the delta between two configurations gives the second, entry for entry', () => {
    fc.assert(
      fc.property(twoConfigurations(), ([base, target]) => {
        const before = structuredClone(base);
        const applied = applyDelta(base, overTheWire(deltaBetween(base, target)));
        expect(applied.ok && sorted(applied.value)).toEqual(sorted(target));
        expect(base).toEqual(before);
      }),
    );
  });

  test('refuses every delta of which one thing was changed on the way', () => {
    fc.assert(
      fc.property(twoConfigurations(), mutation(), ([base, target], mutate) => {
        const sent = overTheWire(deltaBetween(base, target));
        const received = mutate(sent);
        fc.pre(JSON.stringify(received) !== JSON.stringify(sent));
        // Putting again what is there changes nothing, so it is no fault.
        fc.pre(!received.put.some((one) => isSame(base.entries.get(keyOf(one)), one)));
        expect(applyDelta(base, received).ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test('refuses a delta for another configuration than the one that is held', () => {
    const delta = deltaBetween(BASE, TARGET);
    expect(applyDelta(TARGET, delta)).toEqual({
      ok: false,
      message: 'delta starts at revision 4 with another digest',
    });
    const restored = { ...BASE, epoch: 'e2' };
    expect(applyDelta(restored, delta)).toEqual({ ok: false, message: 'delta is of epoch "e1"' });
  });

  test('takes a base of another revision whose entries are the same', () => {
    const moved = { ...BASE, revision: 5 };
    expect(applyDelta(moved, deltaBetween(BASE, TARGET))).toMatchObject({ ok: true });
  });

  test('refuses to go back in the sequence', () => {
    const later = { ...BASE, revision: 6 };
    expect(applyDelta(later, deltaBetween(BASE, TARGET))).toEqual({
      ok: false,
      message: 'delta leads to revision 5, back from 6',
    });
  });
});

describe('deltaBetween()', () => {
  test('names only what differs', () => {
    const target = configurationOf({ epoch: 'e1', revision: 5 }, [LAN, VOICE]);
    expect(deltaBetween(BASE, target)).toMatchObject({ put: [VOICE], remove: [] });
    expect(deltaBetween(target, BASE)).toMatchObject({ put: [], remove: [keyOf(VOICE)] });
    expect(deltaBetween(target, { ...target, revision: 6 })).toMatchObject({ put: [], remove: [] });
  });
});

describe('configurationOf()', () => {
  test('gives one digest to one set of entries, whatever their order', () => {
    fc.assert(
      fc.property(entries(), (some) => {
        const version = { epoch: 'e1', revision: 1 };
        const { digest } = configurationOf(version, some);
        expect(configurationOf(version, some.toReversed()).digest).toBe(digest);
        expect(some.reduce(addToDigest, EMPTY_DIGEST)).toBe(digest);
      }),
    );
  });

  test('throws on two entries with one key', () => {
    expect(() => configurationOf({ epoch: 'e1', revision: 1 }, [LAN, LAN])).toThrow(RangeError);
  });
});

describe('keyOf()', () => {
  test('fits a message, and differs where entries must stand beside each other', () => {
    fc.assert(
      fc.property(entry(), entry(), (a, b) => {
        expect(faultsOf(EntrySchema, a)).toEqual([]);
        expect(keyOf(a).length).toBeLessThanOrEqual(200);
        if (a.kind !== b.kind || a.network !== b.network) expect(keyOf(a)).not.toBe(keyOf(b));
      }),
    );
  });
});

function entries(): fc.Arbitrary<Entry[]> {
  return fc.uniqueArray(entry(), { selector: keyOf, maxLength: 12 });
}

/** Two of one epoch; the second is later and shares some entries with the first. */
function twoConfigurations(): fc.Arbitrary<[Configuration, Configuration]> {
  return fc.tuple(entries(), entries(), fc.nat(), fc.nat()).map(([a, b, revision, step]) => {
    const kept = a.filter((_, index) => index % 2 === 0);
    const bOnly = b.filter((one) => !kept.some((other) => keyOf(other) === keyOf(one)));
    return [
      configurationOf({ epoch: 'e1', revision }, a),
      configurationOf({ epoch: 'e1', revision: revision + 1 + step }, [...bOnly, ...kept]),
    ];
  });
}

/** One change; revisions apart, which only their order protects (see `applyDelta()`). */
function mutation(): fc.Arbitrary<(delta: Delta) => Delta> {
  const at = fc.nat({ max: 11 });
  return fc.oneof(
    entry().map((extra) => (delta: Delta) => ({ ...delta, put: [...delta.put, extra] })),
    at.map((index) => (delta: Delta) => ({ ...delta, put: delta.put.toSpliced(index, 1) })),
    at.map((index) => (delta: Delta) => ({ ...delta, remove: delta.remove.toSpliced(index, 1) })),
    entry().map((extra) => (delta: Delta) => ({
      ...delta,
      remove: [...delta.remove, keyOf(extra)],
    })),
    fc.tuple(at, entry()).map(([index, other]) => (delta: Delta) => ({
      ...delta,
      put: delta.put.map((one, place) => (place === index ? other : one)),
    })),
    at.map((index) => (delta: Delta) => ({ ...delta, put: delta.put.map(renamed(index)) })),
    fc.constant((delta: Delta) => ({ ...delta, epoch: 'e2' })),
    fc.constant((delta: Delta) => ({ ...delta, digest: EMPTY_DIGEST })),
    fc.constant((delta: Delta) => ({ ...delta, revision: -1 })),
    fc.constant((delta: Delta) => ({
      ...delta,
      base: { ...delta.base, digest: addToDigest(delta.base.digest, {}) },
    })),
  );
}

/** Moves the entry at `index` to another network: a change inside an entry. */
function renamed(index: number) {
  return (one: Entry, place: number): Entry =>
    place === index ? { ...one, network: `net_${'z'.repeat(20)}` } : one;
}

function overTheWire(delta: Delta): Delta {
  return JSON.parse(JSON.stringify(delta)) as Delta; // as it was
}

function isSame(a: Entry | undefined, b: Entry): boolean {
  return canonicalJson(a) === canonicalJson(b);
}

function sorted(configuration: Configuration) {
  const byKey = [...configuration.entries].sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...configuration, entries: byKey };
}
