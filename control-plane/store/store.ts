/**
 * Keeps the control plane's state: durably in a database, and in memory as one immutable
 * snapshot. Changes are decided by pure functions (`../model/change-*.ts`), one at a time;
 * nobody hears of one before it is on the disk.
 *
 * @module
 */
import type { Kysely, Transaction } from 'kysely';
import type { Problem } from '../../protocol/problem.ts';
import { applyWrites, emptySnapshot, TABLE_NAMES } from '../model/snapshot.ts';
import type { Decision, Snapshot, TableName, Tables, Write } from '../model/types.ts';
import { fromSqlRow, type SqlRow, sqlTable, toSqlRow } from './rows.ts';
import { migrate } from './schema.ts';
import { type Database, openSqlite, StoreError } from './sqlite.ts';

/** What became of a change. */
export type Outcome<R> =
  | {
      readonly kind: 'done';
      readonly result: R;
      /** The state with the change in it. */
      readonly snapshot: Snapshot;
    }
  | { readonly kind: 'refuse'; readonly problem: Problem };

export type SnapshotListener = (snapshot: Snapshot, previous: Snapshot) => void;

export type StoreLogger = {
  readonly error: (fields: Readonly<Record<string, unknown>>, message: string) => void;
};

export type StoreOptions = {
  /** The SQLite file; its folder must be there. */
  readonly path: string;
  /** Called once in the life of a database. */
  readonly newEpoch: () => string;
  readonly logger?: StoreLogger;
};

/** Another writer can be ahead this many times in a row before a change gives up. */
const MOST_ATTEMPTS = 20;

/** Id of the one row in the table `head`. */
const HEAD = 'head';

export class Store {
  readonly #db: Kysely<Database>;
  readonly #logger: StoreLogger | undefined;
  readonly #listeners = new Set<SnapshotListener>();
  #snapshot: Snapshot;
  /** Settles when the last change asked for has ended; changes run one after another. */
  #tail: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(db: Kysely<Database>, snapshot: Snapshot, logger?: StoreLogger) {
    this.#db = db;
    this.#snapshot = snapshot;
    this.#logger = logger;
  }

  /** @throws {StoreError} when the database cannot be used: the message names it and says why */
  static async open({ path, newEpoch, logger }: StoreOptions): Promise<Store> {
    const db = openSqlite(path);
    try {
      return await Store.over(db, { newEpoch, ...(logger && { logger }) });
    } catch (cause) {
      await db.destroy();
      if (cause instanceof StoreError) throw cause;
      throw new StoreError(`Cannot read "${path}"`, { cause });
    }
  }

  /** A store over a database that somebody opened; {@link close} closes it. */
  static async over(
    db: Kysely<Database>,
    { newEpoch, logger }: Omit<StoreOptions, 'path'>,
  ): Promise<Store> {
    await migrate(db);
    await db
      .insertInto('head')
      .values({ id: HEAD, epoch: newEpoch(), revision: 0, sequence: 0 })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute();
    return new Store(db, await load(db), logger);
  }

  /** The state as last committed. */
  snapshot(): Snapshot {
    return this.#snapshot;
  }

  /**
   * Decides and commits. Changes run one at a time in the order they were asked for; `decide`
   * sees the state that all earlier ones left, and is asked again when another writer of the
   * same database was ahead. When the promise is fulfilled the change is on the disk.
   *
   * @throws {StoreError} when it cannot be written; then nothing is
   */
  change<R>(decide: (snapshot: Snapshot) => Decision<R>): Promise<Outcome<R>> {
    if (this.#isClosed) return Promise.reject(new StoreError('Cannot change: the store is closed'));
    const outcome = this.#tail.then(() => this.#decideAndCommit(decide));
    this.#tail = outcome.catch(() => undefined); // the caller has the error
    return outcome;
  }

  /**
   * Calls `listener` after every commit, in order, also for commits of other writers once they
   * are noticed.
   *
   * @returns ends the subscription
   */
  subscribe(listener: SnapshotListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits for the changes that were asked for, then closes the database. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#tail;
    await this.#db.destroy();
  }

  async #decideAndCommit<R>(decide: (snapshot: Snapshot) => Decision<R>): Promise<Outcome<R>> {
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      const base = this.#snapshot;
      const decision = decide(base);
      if (decision.kind === 'refuse') return decision;
      const { writes, reachesAgents, result } = decision;
      if (writes.length === 0) return { kind: 'done', result, snapshot: base };
      const position = {
        revision: base.revision + (reachesAgents ? 1 : 0),
        sequence: base.sequence + 1,
      };
      const next = applyWrites(base, writes, position);
      if (await this.#commit(base, next, writes)) {
        this.#moveTo(next);
        return { kind: 'done', result, snapshot: next };
      }
      this.#moveTo(await load(this.#db));
    }
    throw new StoreError(`Cannot change: other writers were ahead ${MOST_ATTEMPTS} times`);
  }

  /** @returns false when the database is not at `base`: then nothing is written */
  async #commit(base: Snapshot, next: Snapshot, writes: readonly Write[]): Promise<boolean> {
    try {
      return await this.#db.transaction().execute(async (transaction) => {
        const { epoch, revision, sequence } = next;
        const moved = await transaction
          .updateTable('head')
          .set({ revision, sequence })
          .where('id', '=', HEAD)
          .where('epoch', '=', epoch)
          .where('sequence', '=', base.sequence)
          .executeTakeFirst();
        if (moved.numUpdatedRows === 0n) return false;
        for (const write of writes) await execute(transaction, write);
        return true;
      });
    } catch (cause) {
      throw new StoreError('Cannot commit the change', { cause });
    }
  }

  #moveTo(snapshot: Snapshot): void {
    const previous = this.#snapshot;
    this.#snapshot = snapshot;
    for (const listener of this.#listeners) {
      try {
        listener(snapshot, previous);
      } catch (error) {
        // The change stands; one listener's fault must not keep the others from hearing.
        this.#logger?.error({ err: error, revision: snapshot.revision }, 'a listener failed');
      }
    }
  }
}

async function execute(transaction: Transaction<Database>, write: Write): Promise<void> {
  const table = sqlTable(write.table);
  if (write.kind === 'delete') {
    await transaction.deleteFrom(table).where('id', '=', write.id).execute();
    return;
  }
  const row = toSqlRow(write.table, write.row);
  await transaction
    .insertInto(table)
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
}

/** One transaction, so that the tables belong together. */
async function load(db: Kysely<Database>): Promise<Snapshot> {
  return db.transaction().execute(async (transaction) => {
    const head = await transaction.selectFrom('head').selectAll().executeTakeFirstOrThrow();
    const tables = new Map<TableName, ReadonlyMap<string, Tables[TableName]>>();
    for (const table of TABLE_NAMES) {
      const rows = await transaction
        .selectFrom(sqlTable(table))
        .selectAll()
        .orderBy('created_at')
        .orderBy('id')
        .execute();
      tables.set(table, rowsById(table, rows));
    }
    return {
      ...emptySnapshot(String(head.epoch)),
      ...Object.fromEntries(tables), // each was read as the table of its own name
      revision: Number(head.revision),
      sequence: Number(head.sequence),
    };
  });
}

function rowsById(table: TableName, rows: readonly SqlRow[]): Map<string, Tables[TableName]> {
  return new Map(
    rows.map((sqlRow) => {
      const row = fromSqlRow(table, sqlRow);
      return [row.id, row];
    }),
  );
}
