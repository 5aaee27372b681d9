/**
 * The embedded database: one SQLite file, one process, durable commits. Gives Kysely a
 * node:sqlite connection and knows nothing of what is stored.
 *
 * @module
 */
import { chmodSync, closeSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { Kysely, SqliteAdapter, type SqliteDatabase, SqliteDialect } from 'kysely';
import type { SqlRow } from './rows.ts';

/** Tables by name, rows by column: {@link SqlRow} says what stands in them. */
export type Database = { [table: string]: SqlRow };

/** The database cannot be opened, read or written; the message names it and says why. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

const SQLITE_BUSY = 5;

/**
 * Opens the file and takes it for this process alone; makes it when it is not there. It is
 * readable by its owner only, and so are the files that SQLite puts beside it.
 *
 * @throws {StoreError} when another process has it, or it is no database
 */
export function openSqlite(path: string): Kysely<Database> {
  let connection: DatabaseSync | undefined;
  try {
    restrictToOwner(path);
    connection = new DatabaseSync(path);
    // Order matters: exclusive before the first access, so that there is no shared memory file.
    // FULL: a commit is on the disk before it is answered (FACTS: NORMAL lost up to 828 of them).
    connection.exec(`
      pragma locking_mode = exclusive;
      pragma journal_mode = wal;
      pragma synchronous = full;
      pragma foreign_keys = on;
      begin immediate; commit;
    `);
  } catch (cause) {
    connection?.close();
    throw new StoreError(`Cannot open "${path}": ${whyNot(cause)}`, { cause });
  }
  return new Kysely<Database>({ dialect: new NodeSqliteDialect(connection) });
}

class NodeSqliteDialect extends SqliteDialect {
  constructor(connection: DatabaseSync) {
    super({ database: adapt(connection) });
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalSqliteAdapter();
  }
}

/** A migration that dies halfway leaves nothing (sqlite.org/lang_transaction.html). */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** Kysely's parameters are what {@link SqlRow} holds, so node:sqlite takes them. */
function adapt(connection: DatabaseSync): SqliteDatabase {
  return {
    close: () => connection.close(),
    prepare: (text) => {
      const statement = connection.prepare(text);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
        run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
        iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
      };
    },
  };
}

/** SQLite gives the files it makes beside the database the mode of the database. */
function restrictToOwner(path: string): void {
  closeSync(openSync(path, 'a', 0o600));
  for (const file of [path, `${path}-wal`, `${path}-journal`]) {
    if (existsSync(file)) chmodSync(file, 0o600);
  }
}

function whyNot(cause: unknown): string {
  const { errcode, message } = cause as { errcode?: number; message?: string };
  if (errcode === SQLITE_BUSY) {
    return 'another process has it open; expected one control plane for one database';
  }
  return message ?? String(cause);
}
