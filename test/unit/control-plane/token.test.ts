import { describe, expect, test } from 'vitest';
import {
  apiTokenOf,
  createApiToken,
  deleteApiToken,
} from '../../../control-plane/model/change-api-token.ts';
import {
  enrollmentTokenState,
  revokeEnrollmentToken,
} from '../../../control-plane/model/change-enrollment-token.ts';
import { hashOfSecret } from '../../../control-plane/model/hash.ts';
import { corp, HOUR, NOON, name, World } from './world.ts';

describe('enrollmentTokenState()', () => {
  test.each([
    ['usable', {}, NOON],
    ['usable', { uses: 0 }, NOON + 24 * HOUR - 1],
    ['expired', { uses: 1 }, NOON + 24 * HOUR],
    ['used', { uses: 1 }, NOON],
    ['revoked', { uses: 1, revokedAt: NOON }, NOON + 48 * HOUR],
  ])('is %s with %j at %i', (state, change, now) => {
    expect(enrollmentTokenState({ ...corp().token('hq', 's'), ...change }, now)).toBe(state);
  });
});

describe('revokeEnrollmentToken()', () => {
  test('keeps the first time when it is done twice', () => {
    const world = corp();
    const { id } = world.token('hq', 's');
    const revoke = () => world.do((s, context) => revokeEnrollmentToken(s, { token: id }, context));
    expect(revoke().revokedAt).toBe(NOON);
    world.context.now += HOUR;
    expect(revoke().revokedAt).toBe(NOON);
  });
});

describe('API tokens', () => {
  test('are found by their secret until they expire or are deleted', () => {
    const world = new World();
    const create = (called: string, expiresInSeconds?: number) =>
      world.do((snapshot, context) =>
        createApiToken(
          snapshot,
          { name: name(called), secretHash: hashOfSecret(called), expiresInSeconds },
          context,
        ),
      );
    const shortLived = create('script', 60);
    const forever = create('admin');
    const find = (called: string, now: number) =>
      apiTokenOf(world.snapshot, hashOfSecret(called), now);
    expect(find('script', NOON + 59_999)).toEqual(shortLived);
    expect(find('script', NOON + 60_000)).toBeUndefined();
    expect(find('admin', NOON + 1000 * HOUR)).toEqual(forever);
    world.do((snapshot) => deleteApiToken(snapshot, { token: 'admin' }));
    expect(find('admin', NOON)).toBeUndefined();
  });

  test('have names of their own', () => {
    const world = new World();
    const input = { name: name('admin'), secretHash: hashOfSecret('a') };
    world.do((snapshot, context) => createApiToken(snapshot, input, context));
    expect(world.refusal((s, context) => createApiToken(s, input, context))).toMatchObject({
      code: 'name-taken',
      field: '/name',
    });
  });
});

describe('hashOfSecret()', () => {
  test('is SHA-256 of the text', () => {
    // FIPS 180-2, appendix B.1
    expect(hashOfSecret('abc')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});
