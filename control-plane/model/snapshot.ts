/**
 * The current state of the control plane as one immutable value: how it moves by writes, and
 * how rows are found by their relations. Pure.
 *
 * "Living" connectors are those that were not removed; every look-up here but
 * {@link connectorOfIdentity} passes over tombstones. A tombstone can outlive its site.
 *
 * @module
 */
import type {
  Connector,
  EnrollmentToken,
  Network,
  Route,
  Site,
  Snapshot,
  TableName,
  Tables,
  Write,
} from './types.ts';

export const TABLE_NAMES = [
  'networks',
  'sites',
  'connectors',
  'routes',
  'enrollmentTokens',
  'apiTokens',
] as const satisfies readonly TableName[];

export function emptySnapshot(epoch: string): Snapshot {
  return {
    epoch,
    revision: 0,
    sequence: 0,
    networks: new Map(),
    sites: new Map(),
    connectors: new Map(),
    routes: new Map(),
    enrollmentTokens: new Map(),
    apiTokens: new Map(),
  };
}

/** The snapshot after `writes`; tables that no write touches are shared with the old one. */
export function applyWrites(
  snapshot: Snapshot,
  writes: readonly Write[],
  position: { readonly revision: number; readonly sequence: number },
): Snapshot {
  const copies = new Map<TableName, Map<string, Tables[TableName]>>();
  for (const write of writes) {
    let rows = copies.get(write.table);
    if (rows === undefined) {
      rows = new Map<string, Tables[TableName]>(snapshot[write.table]);
      copies.set(write.table, rows);
    }
    if (write.kind === 'put') rows.set(write.row.id, write.row);
    else rows.delete(write.id);
  }
  // Each copy was made from the table of its own name.
  return { ...snapshot, ...Object.fromEntries(copies), ...position } as Snapshot;
}

/** A table by a name that is known at run time only. */
export function tableOf<T extends TableName>(
  snapshot: Snapshot,
  table: T,
): ReadonlyMap<string, Tables[T]> {
  return snapshot[table] as ReadonlyMap<string, Tables[T]>; // `Snapshot` maps each name so
}

/** A row that another row points to. @throws {RangeError} when it is not there: a bug */
export function rowOf<T extends TableName>(snapshot: Snapshot, table: T, id: string): Tables[T] {
  const row = tableOf(snapshot, table).get(id);
  if (row === undefined) throw new RangeError(`Cannot find "${id}" in ${table}`);
  return row;
}

export function isLiving(connector: Connector): boolean {
  return connector.removedAt === null;
}

export function sitesOfNetwork(snapshot: Snapshot, networkId: string): Site[] {
  return [...snapshot.sites.values()].filter((site) => site.networkId === networkId);
}

/** Living connectors, the oldest first. */
export function connectorsOfSite(snapshot: Snapshot, siteId: string): Connector[] {
  return [...snapshot.connectors.values()]
    .filter((connector) => connector.siteId === siteId && isLiving(connector))
    .sort(byAge);
}

/** Living connectors, the oldest first. */
export function connectorsOfNetwork(snapshot: Snapshot, networkId: string): Connector[] {
  return [...snapshot.connectors.values()]
    .filter(isLiving)
    .filter((connector) => snapshot.sites.get(connector.siteId)?.networkId === networkId)
    .sort(byAge);
}

export function routesOfSite(snapshot: Snapshot, siteId: string): Route[] {
  return [...snapshot.routes.values()].filter((route) => route.siteId === siteId);
}

export function routesOfNetwork(snapshot: Snapshot, networkId: string): Route[] {
  return [...snapshot.routes.values()].filter(
    (route) => snapshot.sites.get(route.siteId)?.networkId === networkId,
  );
}

export function tokensOfSite(snapshot: Snapshot, siteId: string): EnrollmentToken[] {
  return [...snapshot.enrollmentTokens.values()].filter((token) => token.siteId === siteId);
}

export function networkOfSite(snapshot: Snapshot, site: Site): Network {
  return rowOf(snapshot, 'networks', site.networkId);
}

/** @throws {RangeError} for a tombstone whose site is gone */
export function siteOfConnector(snapshot: Snapshot, connector: Connector): Site {
  return rowOf(snapshot, 'sites', connector.siteId);
}

/** @throws {RangeError} for a tombstone whose site is gone */
export function networkOfConnector(snapshot: Snapshot, connector: Connector): Network {
  return networkOfSite(snapshot, siteOfConnector(snapshot, connector));
}

/**
 * Who an agent is by its identity key: the living connector, else the youngest tombstone, so
 * that a removed agent can be told so. Undefined: nobody knows it.
 */
export function connectorOfIdentity(
  snapshot: Snapshot,
  identityFingerprint: string,
): Connector | undefined {
  const candidates = [...snapshot.connectors.values()].filter(
    (connector) => connector.identityFingerprint === identityFingerprint,
  );
  return candidates.find(isLiving) ?? candidates.sort(byAge).at(-1);
}

function byAge(a: Connector, b: Connector): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}
