import { describe, expect, test } from 'vitest';
import { whyTooSmall } from '../../../agent/shrink-guard.ts';
import type { Entry } from '../../../protocol/configuration.ts';
import type { PublicKey } from '../../../protocol/keys.ts';
import { BRANCH, configuration, HQ, local, route } from './world.ts';

describe('whyTooSmall()', () => {
  test.each([
    { before: 8, after: 4, verdict: undefined },
    { before: 8, after: 3, verdict: 'it takes away 5 of 8 peers and 5 of 8 routes' },
    { before: 4, after: 0, verdict: 'it takes away 4 of 4 peers and 4 of 4 routes' },
    { before: 3, after: 0, verdict: undefined },
    { before: 1000, after: 500, verdict: undefined },
    { before: 1000, after: 499, verdict: 'it takes away 501 of 1000 peers and 501 of 1000 routes' },
    { before: 4, after: 1000, verdict: undefined },
  ])('of $before that become $after: $verdict', ({ before, after, verdict }) => {
    expect(whyTooSmall(mesh(before), mesh(after))).toBe(verdict);
  });

  test('counts peers and routes apart', () => {
    const fewer = configuration([HQ, ...peers(8), ...routes(3)]);
    expect(whyTooSmall(mesh(8), fewer)).toBe('it takes away 5 of 8 routes');
  });

  test('counts what goes, however much comes instead', () => {
    const other = configuration([HQ, ...peers(8), ...routes(16).slice(8)]);
    expect(whyTooSmall(mesh(8), other)).toBe('it takes away 8 of 8 routes');
  });

  test('does not ask about prefixes of the own site', () => {
    const locals = Array.from({ length: 8 }, (_, index) => local(`10.1.${index}.0/24`));
    expect(whyTooSmall(configuration([HQ, ...locals]), configuration([HQ]))).toBeUndefined();
  });
});

function mesh(size: number) {
  return configuration([HQ, ...peers(size), ...routes(size)]);
}

function peers(count: number): Entry[] {
  return Array.from({ length: count }, (_, index) => ({
    ...BRANCH,
    publicKey: `${String(index).padStart(42, '0')}A=` as PublicKey, // of the right form
  }));
}

function routes(count: number): Entry[] {
  return Array.from({ length: count }, (_, index) =>
    route(`10.${100 + (index >> 8)}.${index & 255}.0/24`, 'branch'),
  );
}
