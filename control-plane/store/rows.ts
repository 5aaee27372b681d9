/**
 * How the model's rows stand in SQL: a column for each member, in types that SQLite and
 * PostgreSQL read back alike. Times and counts are `bigint` (PostgreSQL's driver gives those
 * as text), lists are JSON in `text`, null is null; there are no booleans and no SQL dates.
 *
 * @module
 */
import type { TableName, Tables } from '../model/types.ts';

type ColumnKind = 'text' | 'integer' | 'json';

/** What a driver takes and gives. */
export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

const MEMBERS: { readonly [T in TableName]: Record<keyof Tables[T], ColumnKind> } = {
  networks: {
    id: 'text',
    name: 'text',
    overlayPrefixes: 'json',
    mtuBytes: 'integer',
    keepaliveSeconds: 'integer',
    createdAt: 'integer',
  },
  sites: {
    id: 'text',
    networkId: 'text',
    name: 'text',
    assignedConnectorId: 'text',
    createdAt: 'integer',
  },
  connectors: {
    id: 'text',
    siteId: 'text',
    name: 'text',
    publicKey: 'text',
    identityFingerprint: 'text',
    overlayAddresses: 'json',
    listenPort: 'integer',
    configuredEndpoint: 'text',
    observedEndpoint: 'text',
    enrollmentTokenId: 'text',
    createdAt: 'integer',
    removedAt: 'integer',
  },
  routes: {
    id: 'text',
    siteId: 'text',
    prefix: 'text',
    state: 'text',
    proposedByConnectorId: 'text',
    createdAt: 'integer',
  },
  enrollmentTokens: {
    id: 'text',
    siteId: 'text',
    secretHash: 'text',
    maxUses: 'integer',
    uses: 'integer',
    expiresAt: 'integer',
    revokedAt: 'integer',
    createdAt: 'integer',
  },
  apiTokens: {
    id: 'text',
    name: 'text',
    secretHash: 'text',
    expiresAt: 'integer',
    createdAt: 'integer',
  },
};

/** `enrollmentTokens` is `enrollment_tokens` in SQL. */
export function sqlTable(table: TableName): string {
  return snakeCase(table);
}

export function toSqlRow<T extends TableName>(table: T, row: Tables[T]): SqlRow {
  return Object.fromEntries(
    membersOf(table).map(([member, kind]) => {
      const value: unknown = row[member];
      // Text, integers and null stand as they are.
      return [snakeCase(member), kind === 'json' ? JSON.stringify(value) : (value as SqlValue)];
    }),
  );
}

/** Trusts the database: only this program writes it, and only rows that the model accepted. */
export function fromSqlRow<T extends TableName>(table: T, sqlRow: SqlRow): Tables[T] {
  return Object.fromEntries(
    membersOf(table).map(([member, kind]) => [member, decode(kind, sqlRow[snakeCase(member)])]),
  ) as Tables[T]; // the members of this table, each by its kind
}

function decode(kind: ColumnKind, value: SqlValue | undefined): unknown {
  if (value === null || value === undefined) return null;
  if (kind === 'json') return JSON.parse(String(value));
  return kind === 'integer' ? Number(value) : value;
}

function membersOf<T extends TableName>(table: T): [keyof Tables[T] & string, ColumnKind][] {
  // `Object.entries` forgets the names of the members.
  return Object.entries(MEMBERS[table]) as [keyof Tables[T] & string, ColumnKind][];
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
