/**
 * The schema of the database as a sequence of steps that only goes forward. A step that was
 * released is never edited: databases that took it exist. What is written here repeats no
 * code that may move on.
 *
 * @module
 */
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-first': { up: createFirstTables },
};

async function createFirstTables(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;

  /** One row: where the database is in its history. */
  await schema
    .createTable('head')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('epoch', 'text', (column) => column.notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .execute();

  await schema
    .createTable('networks')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('overlay_prefixes', 'text', (column) => column.notNull())
    .addColumn('mtu_bytes', 'bigint', (column) => column.notNull())
    .addColumn('keepalive_seconds', 'bigint', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();

  await schema
    .createTable('sites')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('network_id', 'text', (column) => column.notNull().references('networks.id'))
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('assigned_connector_id', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addUniqueConstraint('sites_name', ['network_id', 'name'])
    .execute();

  // No reference to the site or the token: a tombstone outlives both.
  await schema
    .createTable('connectors')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('site_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('public_key', 'text', (column) => column.notNull())
    .addColumn('identity_fingerprint', 'text', (column) => column.notNull())
    .addColumn('overlay_addresses', 'text', (column) => column.notNull())
    .addColumn('listen_port', 'bigint', (column) => column.notNull())
    .addColumn('configured_endpoint', 'text')
    .addColumn('observed_endpoint', 'text')
    .addColumn('enrollment_token_id', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('removed_at', 'bigint')
    .execute();

  await schema
    .createTable('routes')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('site_id', 'text', (column) => column.notNull().references('sites.id'))
    .addColumn('prefix', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('proposed_by_connector_id', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addUniqueConstraint('routes_prefix', ['site_id', 'prefix'])
    .execute();

  await schema
    .createTable('enrollment_tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('site_id', 'text', (column) => column.notNull().references('sites.id'))
    .addColumn('secret_hash', 'text', (column) => column.notNull().unique())
    .addColumn('max_uses', 'bigint', (column) => column.notNull())
    .addColumn('uses', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('revoked_at', 'bigint')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();

  await schema
    .createTable('api_tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('secret_hash', 'text', (column) => column.notNull().unique())
    .addColumn('expires_at', 'bigint')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
}
