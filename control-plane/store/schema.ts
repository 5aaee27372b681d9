/**
 * Brings a database to the schema of this program, or says why it cannot be used.
 *
 * @module
 */
import type { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { MIGRATIONS } from './migrations.ts';
import { type Database, StoreError } from './sqlite.ts';

const MIGRATION_TABLE = 'kysely_migration';

/** @throws {StoreError} when a newer program has used the database, or a migration fails */
export async function migrate(db: Kysely<Database>): Promise<void> {
  const unknown = (await appliedMigrations(db)).filter((name) => !Object.hasOwn(MIGRATIONS, name));
  if (unknown.length > 0) {
    throw new StoreError(
      `Cannot use the database: its schema has "${unknown.join('", "')}", which this version ` +
        'does not know; expected the Culvert that wrote it, or a newer one',
    );
  }
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...MIGRATIONS }) },
    migrationTableName: MIGRATION_TABLE,
  });
  const { error, results = [] } = await migrator.migrateToLatest();
  if (error !== undefined) {
    const failed = results.find((result) => result.status === 'Error')?.migrationName;
    throw new StoreError(`Cannot bring the database to schema "${failed ?? 'unknown'}"`, {
      cause: error,
    });
  }
}

async function appliedMigrations(db: Kysely<Database>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === MIGRATION_TABLE)) return [];
  const rows = await db.selectFrom(MIGRATION_TABLE).select('name').orderBy('name').execute();
  return rows.map((row) => String(row.name));
}
