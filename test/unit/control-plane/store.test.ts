import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createNetwork, updateNetwork } from '../../../control-plane/model/change-network.ts';
import { createRoute } from '../../../control-plane/model/change-route.ts';
import { change, put, refuse } from '../../../control-plane/model/decision.ts';
import { joinConnector } from '../../../control-plane/model/join-connector.ts';
import { emptySnapshot, TABLE_NAMES } from '../../../control-plane/model/snapshot.ts';
import type { Network, Snapshot, Write } from '../../../control-plane/model/types.ts';
import { openSqlite, StoreError } from '../../../control-plane/store/sqlite.ts';
import { Store } from '../../../control-plane/store/store.ts';
import { prefix } from '../../../protocol/net.ts';
import { crowded, randomChanges } from './random-changes.ts';
import { corp, joinInput, name, World } from './world.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-store-'));
  path = join(folder, 'culvert.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (newEpoch = () => 'epoch1') => Store.open({ path, newEpoch });

/** A store that holds the tables of a world, written in one change. */
async function openWith({ snapshot }: World): Promise<Store> {
  const store = await open();
  const writes = TABLE_NAMES.flatMap((table) =>
    [...snapshot[table].values()].map((row) => put(table, row)),
  );
  await store.change(() => change(undefined, { writes, reachesAgents: true }));
  return store;
}

describe('Store', () => {
  test('begins empty, in the epoch it is given, and keeps both', async () => {
    const store = await open(() => 'first');
    expect(store.snapshot()).toEqual(emptySnapshot('first'));
    await store.close();
    const again = await open(() => 'second');
    expect(again.snapshot()).toEqual(emptySnapshot('first'));
    await again.close();
  });

  test('gives after reopening what it held before', async () => {
    const store = await openWith(corp());
    const before = store.snapshot();
    expect(before.connectors.size).toBe(2);
    await store.close();
    const again = await open();
    expect(again.snapshot()).toEqual(before);
    await again.close();
  });

  test('reads back from disk what it has in memory, after any changes', async () => {
    await fc.assert(
      fc.asyncProperty(randomChanges(60), async (changes) => {
        rmSync(path, { force: true });
        const world = crowded();
        const store = await openWith(world);
        for (const { decide } of changes) {
          await store.change((snapshot) => decide(snapshot, world.context));
        }
        const before = store.snapshot();
        await store.close();
        const again = await open();
        await again.close();
        expect(again.snapshot()).toEqual(before);
        expect(again.snapshot().sequence).toBeGreaterThan(1);
      }),
      { numRuns: 15 },
    );
  });

  test('refuses a second opener, by the name of the file', async () => {
    const store = await open();
    await expect(open()).rejects.toThrow(
      `Cannot open "${path}": another process has it open; ` +
        'expected one control plane for one database',
    );
    await store.close();
    await (await open()).close();
  });

  test('refuses a file that is no database, and a folder that is not there', async () => {
    writeFileSync(path, 'these are not the bytes you are looking for'.repeat(100));
    await expect(open()).rejects.toThrow(StoreError);
    path = join(folder, 'missing', 'culvert.db');
    await expect(open()).rejects.toThrow(`Cannot open "${path}": ENOENT`);
  });

  test('refuses a database that a newer program has used', async () => {
    await (await open()).close();
    const db = openSqlite(path);
    const newer = { name: '9999-newer', timestamp: '2030-01-01' };
    await db.insertInto('kysely_migration').values(newer).execute();
    await db.destroy();
    await expect(open()).rejects.toThrow(/its schema has "9999-newer", which this version does/);
  });

  test('keeps its files from everybody else, whatever they were before', async () => {
    writeFileSync(path, '');
    chmodSync(path, 0o644);
    const umask = process.umask(0);
    try {
      const store = await openWith(corp());
      const files = readdirSync(folder);
      expect(files.sort()).toEqual(['culvert.db', 'culvert.db-wal']);
      for (const file of files) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
      await store.close();
    } finally {
      process.umask(umask);
    }
  });

  test('asks SQLite for durable commits', async () => {
    const db = openSqlite(path);
    const { sql } = await import('kysely');
    const pragma = async (of: string) =>
      Object.values((await sql.raw<object>(`pragma ${of}`).execute(db)).rows[0] ?? {})[0];
    expect(await pragma('journal_mode')).toBe('wal');
    expect(await pragma('synchronous')).toBe(2); // FULL
    expect(await pragma('foreign_keys')).toBe(1);
    await db.destroy();
  });
});

describe('Store.change()', () => {
  test('has what it answered, and nothing else, when the process is killed', async () => {
    const child = fork(new URL('./store-writer.ts', import.meta.url), [path]);
    const exited = once(child, 'exit');
    let answered = 0;
    child.on('message', (sequence: number) => {
      answered = sequence;
      if (sequence >= 25) child.kill('SIGKILL');
    });
    await exited;
    const store = await open();
    const { sequence, networks } = store.snapshot();
    await store.close();
    expect(answered).toBeGreaterThanOrEqual(25);
    expect(sequence).toBeGreaterThanOrEqual(answered);
    expect(networks.size).toBe(sequence);
  });

  const route = (text: string) => ({ site: 'hq', prefix: prefix(text) });

  test('raises the revision only when agents may have to hear of it', async () => {
    const world = corp();
    const store = await openWith(world);
    const { revision, sequence } = store.snapshot();
    const shop = { name: name('shop') };
    await store.change((snapshot) => createNetwork(snapshot, shop, world.context));
    expect(store.snapshot()).toMatchObject({ revision, sequence: sequence + 1 });
    const outcome = await store.change((snapshot) =>
      createRoute(snapshot, route('10.9.0.0/16'), world.context),
    );
    expect(outcome).toMatchObject({ kind: 'done', result: { prefix: '10.9.0.0/16' } });
    expect(store.snapshot()).toMatchObject({ revision: revision + 1, sequence: sequence + 2 });
    await store.close();
  });

  test('moves nothing and tells nobody when a change is refused or changes nothing', async () => {
    const store = await openWith(corp());
    const listener = vi.fn();
    store.subscribe(listener);
    const before = store.snapshot();
    const refused = await store.change(() => refuse('in-use', 'no'));
    expect(refused).toEqual({ kind: 'refuse', problem: { code: 'in-use', detail: 'no' } });
    const same = await store.change((snapshot) =>
      updateNetwork(snapshot, { network: 'corp', mtuBytes: 1420 }),
    );
    expect(same).toMatchObject({ kind: 'done', snapshot: before });
    expect(store.snapshot()).toBe(before);
    expect(listener).not.toHaveBeenCalled();
    await store.close();
  });

  test('leaves nothing of a change that throws, and goes on with the next', async () => {
    const world = corp();
    const store = await openWith(world);
    const bug = store.change(() => {
      throw new RangeError('a bug');
    });
    const next = store.change((snapshot) =>
      createRoute(snapshot, route('10.9.0.0/16'), world.context),
    );
    await expect(bug).rejects.toThrow('a bug');
    await expect(next).resolves.toMatchObject({ kind: 'done' });
    await store.close();
  });

  test('leaves nothing of a change whose last write fails', async () => {
    const store = await openWith(corp());
    const before = store.snapshot();
    const [site] = [...before.sites.values()];
    const writes: Write[] = [
      put('sites', { ...site!, name: name('renamed') }), // the world has sites
      put('networks', { id: 'net_x', name: name('corp') } as Network), // the name is taken
    ];
    await expect(
      store.change(() => change(undefined, { writes, reachesAgents: true })),
    ).rejects.toThrow('Cannot commit the change');
    expect(store.snapshot()).toBe(before);
    await store.close();
    const again = await open();
    expect(again.snapshot()).toEqual(before);
    await again.close();
  });

  test('lets exactly one of 100 parallel joins have a token for one use', async () => {
    const world = corp();
    world.token('hq', 'secret');
    const store = await openWith(world);
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, index) => {
        const input = joinInput({ secret: 'secret', name: `racer${index}` });
        return store.change((snapshot) => joinConnector(snapshot, input, world.context));
      }),
    );
    expect(outcomes.filter(({ kind }) => kind === 'done')).toHaveLength(1);
    const codes = outcomes.flatMap((outcome) =>
      outcome.kind === 'refuse' ? [outcome.problem.code] : [],
    );
    expect(codes).toEqual(new Array(99).fill('token-used'));
    expect(store.snapshot().connectors.size).toBe(3);
    await store.close();
  });

  test('decides anew when another writer was ahead, and hears of what that one wrote', async () => {
    const world = corp();
    await (await openWith(world)).close();
    const db = openSqlite(path);
    const [one, two] = [
      await Store.over(db, { newEpoch: () => 'x' }),
      await Store.over(db, { newEpoch: () => 'x' }),
    ];
    const heard: Snapshot[] = [];
    two.subscribe((snapshot) => heard.push(snapshot));
    const base = two.snapshot();
    await one.change((snapshot) => createRoute(snapshot, route('10.9.0.0/16'), world.context));
    const overlapping = await two.change((snapshot) =>
      createRoute(snapshot, route('10.9.1.0/24'), world.context),
    );
    expect(overlapping).toMatchObject({ kind: 'refuse', problem: { code: 'route-conflict' } });
    await two.change((snapshot) => createRoute(snapshot, route('10.8.0.0/16'), world.context));
    expect(heard.map(({ sequence }) => sequence - base.sequence)).toEqual([1, 2]);
    await one.close();
  });

  test('is refused once the store is closed, which waits for what was asked for', async () => {
    const world = corp();
    const store = await openWith(world);
    const last = store.change((snapshot) =>
      createRoute(snapshot, route('10.9.0.0/16'), world.context),
    );
    await store.close();
    expect(await last).toMatchObject({ kind: 'done' });
    await expect(store.change(() => refuse('in-use', ''))).rejects.toThrow('the store is closed');
  });
});

describe('Store.subscribe()', () => {
  test('hears every commit in order, when it is on the disk, until it ends', async () => {
    const world = new World();
    const store = await open();
    const heard: [number, number][] = [];
    const end = store.subscribe((snapshot, previous) => {
      expect(store.snapshot()).toBe(snapshot);
      heard.push([previous.sequence, snapshot.sequence]);
    });
    const create = (called: string) =>
      store.change((snapshot) => createNetwork(snapshot, { name: name(called) }, world.context));
    await Promise.all([create('one'), create('two')]);
    end();
    await create('three');
    expect(heard).toEqual([
      [0, 1],
      [1, 2],
    ]);
    await store.close();
  });

  test('does not let one listener keep the others, or the change, from it', async () => {
    const error = vi.fn();
    const store = await Store.open({ path, newEpoch: () => 'e', logger: { error } });
    store.subscribe(() => {
      throw new Error('deaf');
    });
    const listener = vi.fn();
    store.subscribe(listener);
    const world = new World();
    const outcome = await store.change((snapshot) =>
      createNetwork(snapshot, { name: name('corp') }, world.context),
    );
    expect(outcome.kind).toBe('done');
    expect(listener).toHaveBeenCalledOnce();
    expect(error).toHaveBeenCalledOnce();
    await store.close();
  });
});
