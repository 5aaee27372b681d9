import { describe, expect, test } from 'vitest';
import { judge } from '../../../agent/accept.ts';
import { type Configuration, deltaBetween } from '../../../protocol/configuration.ts';
import type { Digest } from '../../../protocol/digest.ts';
import { configuration, ENTRIES, route } from './world.ts';

const HELD = configuration(ENTRIES, 7);
const NEXT = configuration([...ENTRIES, route('10.4.0.0/16', 'branch')], 8);
const WRONG = 'f'.repeat(64) as Digest;

describe('judge()', () => {
  test('accepts a whole configuration that is what its digest promises', () => {
    expect(judge(undefined, whole(NEXT))).toEqual({ kind: 'accept', configuration: NEXT });
    expect(judge(HELD, whole(NEXT))).toEqual({ kind: 'accept', configuration: NEXT });
  });

  test('holds a whole configuration with another digest or with an entry twice', () => {
    expect(judge(HELD, { ...whole(NEXT), digest: WRONG }).kind).toBe('hold');
    const { entries } = whole(NEXT);
    const twice = entries.slice(0, 1);
    expect(judge(HELD, { ...whole(NEXT), entries: [...entries, ...twice] }).kind).toBe('hold');
  });

  test('accepts a delta that starts from what is held', () => {
    const verdict = judge(HELD, { type: 'delta', ...mutable(deltaBetween(HELD, NEXT)) });
    expect(verdict).toEqual({ kind: 'accept', configuration: NEXT });
  });

  test('asks for the whole when a delta starts elsewhere or does not add up', () => {
    const delta = { type: 'delta' as const, ...mutable(deltaBetween(HELD, NEXT)) };
    expect(judge(undefined, delta).kind).toBe('ask-whole');
    expect(judge(configuration(ENTRIES.slice(0, 3), 7), delta).kind).toBe('ask-whole');
    expect(judge(HELD, { ...delta, digest: WRONG }).kind).toBe('ask-whole');
  });

  test('moves the revision when told that nothing changed, and checks that it is so', () => {
    const { epoch, digest } = HELD;
    const current = { type: 'current' as const, version: { epoch, revision: 9, digest } };
    expect(judge(HELD, current)).toEqual({
      kind: 'accept',
      configuration: { ...HELD, revision: 9 },
    });
    const other = { ...current, version: { ...current.version, digest: WRONG } };
    expect(judge(HELD, other).kind).toBe('ask-whole');
  });

  test('holds what goes back in the sequence, and nobody may accept it', () => {
    const back = judge(HELD, whole(configuration(ENTRIES, 6)));
    expect(back).toEqual({ kind: 'hold', reason: expect.stringContaining('from revision 7 to 6') });
  });

  test('holds another epoch until a person accepts it, and asks for it whole', () => {
    const other = judge(HELD, { ...whole(NEXT), epoch: 'e2', revision: 1 });
    expect(other).toEqual({
      kind: 'hold',
      reason:
        'revision 1 is of epoch "e2", not "e1"; ' +
        'if that is meant, run on the gateway: culvert agent accept 1',
      offered: { ...NEXT, epoch: 'e2', revision: 1 },
    });
    const delta = { type: 'delta' as const, ...mutable(deltaBetween(HELD, NEXT)) };
    expect(judge(HELD, { ...delta, epoch: 'e2' }).kind).toBe('ask-whole');
    const version = { epoch: 'e2', revision: 9, digest: HELD.digest };
    expect(judge(HELD, { type: 'current', version }).kind).toBe('ask-whole');
  });

  test('holds a whole configuration that takes most away, and takes a delta that does', () => {
    const many = Array.from({ length: 7 }, (_, index) => route(`10.${20 + index}.0.0/16`, 'plant'));
    const large = configuration([...ENTRIES, ...many], 7);
    const small = configuration(ENTRIES, 8);
    expect(judge(large, whole(small))).toEqual({
      kind: 'hold',
      reason:
        'revision 8: it takes away 7 of 11 routes; ' +
        'if that is meant, run on the gateway: culvert agent accept 8',
      offered: small,
    });
    const delta = { type: 'delta' as const, ...mutable(deltaBetween(large, small)) };
    expect(judge(large, delta)).toEqual({ kind: 'accept', configuration: small });
  });
});

function whole(value: Configuration) {
  const { epoch, revision, digest, entries } = value;
  return {
    type: 'configuration' as const,
    epoch,
    revision,
    digest,
    entries: [...entries.values()],
  };
}

/** Messages are mutable types, because a parser makes them. */
function mutable(delta: ReturnType<typeof deltaBetween>) {
  return { ...delta, put: [...delta.put], remove: [...delta.remove] };
}
