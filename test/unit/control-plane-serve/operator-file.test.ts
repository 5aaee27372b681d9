import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../control-plane/clock.ts';
import { apiTokenOf } from '../../../control-plane/model/change-api-token.ts';
import { hashOfSecret } from '../../../control-plane/model/hash.ts';
import { ensureOperator } from '../../../control-plane/operator-file.ts';
import { Store } from '../../../control-plane/store/store.ts';

// The world of these tests: the data directory of a control plane that starts the first time.
let home: string;
let store: Store;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'culvert-operator-'));
  store = await Store.open({ path: join(home, 'culvert.db'), newEpoch: () => 'first' });
});

afterEach(async () => {
  await store.close();
  await rm(home, { recursive: true });
});

describe('ensureOperator()', () => {
  test('writes a configuration whose token is valid, once', async () => {
    const path = await ensure(store);
    expect(path).toBe(join(home, 'operator.json'));
    const file = JSON.parse(await readFile(join(home, 'operator.json'), 'utf8'));
    expect(file).toEqual({ url: 'https://127.0.0.1:8443', authority: 'PEM', token: file.token });
    expect(tokenOf(file.token)?.name).toBe('admin');
    expect(await ensure(store)).toBeUndefined();
    await rm(join(home, 'operator.json')); // the operator took it away
    expect(await ensure(store)).toBeUndefined();
  });

  test('heals when it was killed after the file and before the row', async () => {
    const killed = new Error('killed');
    const dying = { snapshot: () => store.snapshot(), change: () => Promise.reject(killed) };
    await expect(ensure(dying)).rejects.toBe(killed);
    const before = JSON.parse(await readFile(join(home, 'operator.json'), 'utf8'));
    expect(tokenOf(before.token)).toBeUndefined();

    await ensure(store);
    const after = JSON.parse(await readFile(join(home, 'operator.json'), 'utf8'));
    expect(tokenOf(after.token)?.name).toBe('admin');
    expect((await readdir(home)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

function ensure(target: Pick<Store, 'snapshot' | 'change'>) {
  return ensureOperator({
    store: target,
    directory: home,
    url: 'https://127.0.0.1:8443',
    authorityPem: 'PEM',
    clock: systemClock,
    randomBytes,
  });
}

function tokenOf(secret: string) {
  return apiTokenOf(store.snapshot(), hashOfSecret(secret), Date.now());
}
