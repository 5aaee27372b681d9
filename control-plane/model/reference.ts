/**
 * Finds the object that a request means: by id, or by a name that fits one object only.
 *
 * @module
 */
import { type Refusal, refuse } from './decision.ts';
import { isLiving, siteOfConnector, tableOf } from './snapshot.ts';
import type { Snapshot, TableName, Tables } from './types.ts';

export type Resolved<T extends TableName> =
  | { readonly kind: 'found'; readonly row: Tables[T] }
  | Refusal;

/** What messages call one object of each table. */
const NOUNS: Record<TableName, string> = {
  networks: 'network',
  sites: 'site',
  connectors: 'connector',
  routes: 'route',
  enrollmentTokens: 'enrollment token',
  apiTokens: 'API token',
};

/**
 * A text with "_" is an id, any other is a name; for routes it is the prefix. Enrollment tokens
 * have ids only. Removed connectors are not found.
 *
 * @param options.field JSON Pointer of the reference in the request body; none for the path
 * @param options.networkId looks only inside this network
 */
export function resolve<T extends TableName>(
  snapshot: Snapshot,
  table: T,
  text: string,
  options: { readonly field?: string; readonly networkId?: string } = {},
): Resolved<T> {
  const { field, networkId } = options;
  const rows = tableOf(snapshot, table);
  const isId = text.includes('_');
  const candidates = isId
    ? [rows.get(text)].filter((row) => row !== undefined)
    : [...rows.values()];
  const fitting = candidates.filter(
    (row) =>
      (isId || nameOf(row) === text) &&
      !isTombstone(row) &&
      (networkId === undefined || networkIdOf(snapshot, row) === networkId),
  );
  const [row, ...others] = fitting;
  if (row === undefined) {
    const network = networkId === undefined ? undefined : snapshot.networks.get(networkId);
    const where = network === undefined ? '' : ` in network "${network.name}"`;
    return refuse('not-found', `there is no ${NOUNS[table]} "${text}"${where}`, field);
  }
  if (others.length > 0) {
    const ids = fitting.map(({ id }) => id).sort();
    return refuse(
      'ambiguous-reference',
      `"${text}" fits ${ids.length} ${NOUNS[table]}s; expected one of the ids ${ids.join(', ')}`,
      field,
    );
  }
  return { kind: 'found', row };
}

type Row = Tables[TableName];

function nameOf(row: Row): string | undefined {
  if ('name' in row) return row.name;
  return 'prefix' in row ? row.prefix : undefined;
}

function isTombstone(row: Row): boolean {
  return 'removedAt' in row && !isLiving(row);
}

/** The network that a row belongs to; undefined for what belongs to none. */
function networkIdOf(snapshot: Snapshot, row: Row): string | undefined {
  if ('networkId' in row) return row.networkId;
  if ('overlayPrefixes' in row) return row.id;
  if ('publicKey' in row) return siteOfConnector(snapshot, row).networkId;
  return 'siteId' in row ? snapshot.sites.get(row.siteId)?.networkId : undefined;
}
