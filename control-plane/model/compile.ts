/**
 * Compiles what the connectors of a network are told. Most of it is the same for all of them
 * and is made once: {@link compileNetwork} gives every entry with the site it comes from,
 * {@link configurationFor} picks those of the other sites and adds the connector's own.
 * Pure.
 *
 * @module
 */
import {
  type Configuration,
  type Entry,
  type EntryKey,
  type InterfaceEntry,
  keyOf,
  type LocalEntry,
  type PeerEntry,
  type RouteEntry,
} from '../../protocol/configuration.ts';
import {
  addToDigest,
  type Digest,
  EMPTY_DIGEST,
  subtractFromDigest,
} from '../../protocol/digest.ts';
import { comparePrefixes } from '../../protocol/net.ts';
import { endpointOf } from './change-connector.ts';
import {
  connectorsOfNetwork,
  isLiving,
  networkOfConnector,
  routesOfNetwork,
  rowOf,
  sitesOfNetwork,
} from './snapshot.ts';
import type { Connector, Network, Route, Site, Snapshot } from './types.ts';

export type CompiledNetwork = {
  readonly epoch: string;
  readonly revision: number;
  /** Peers and carried routes of all sites, by key; a connector gets those of other sites. */
  readonly shared: readonly SharedEntry[];
  /** By site id. */
  readonly sites: ReadonlyMap<string, CompiledSite>;
  /** By id of the living connector. */
  readonly own: ReadonlyMap<string, OwnEntry>;
};

export type SharedEntry = {
  readonly key: EntryKey;
  readonly siteId: string;
  readonly entry: PeerEntry | RouteEntry;
};

export type CompiledSite = {
  /** What the site's connectors get instead of its own routes, by key. */
  readonly locals: readonly LocalEntry[];
  /** Over the locals and the shared entries of all other sites. */
  readonly digest: Digest;
};

export type OwnEntry = { readonly siteId: string; readonly entry: InterfaceEntry };

/** @throws {RangeError} when there is no such living connector */
export function compileConnector(snapshot: Snapshot, connectorId: string): Configuration {
  const connector = rowOf(snapshot, 'connectors', connectorId);
  if (!isLiving(connector)) {
    throw new RangeError(`Cannot compile connector "${connectorId}": it was removed`);
  }
  const network = networkOfConnector(snapshot, connector);
  return configurationFor(compileNetwork(snapshot, network.id), connectorId);
}

/** @throws {RangeError} when there is no such network, or its tables give two entries one key */
export function compileNetwork(snapshot: Snapshot, networkId: string): CompiledNetwork {
  const network = rowOf(snapshot, 'networks', networkId);
  const shared: SharedEntry[] = [];
  const locals = new Map<string, LocalEntry[]>();
  const own = new Map<string, OwnEntry>();
  const share = (siteId: string, entry: PeerEntry | RouteEntry) =>
    shared.push({ key: keyOf(entry), siteId, entry });
  for (const connector of connectorsOfNetwork(snapshot, networkId)) {
    const site = rowOf(snapshot, 'sites', connector.siteId);
    share(site.id, peerEntry(network, site, connector));
    own.set(connector.id, { siteId: site.id, entry: interfaceEntry(network, site, connector) });
  }
  for (const route of routesOfNetwork(snapshot, networkId)) {
    const site = rowOf(snapshot, 'sites', route.siteId);
    if (route.state !== 'approved') continue;
    const { assignedConnectorId } = site;
    const carrier =
      assignedConnectorId === null ? undefined : rowOf(snapshot, 'connectors', assignedConnectorId);
    share(site.id, routeEntry(site, carrier, route));
    const local: LocalEntry = { kind: 'local', network: networkId, prefix: route.prefix };
    const ofSite = locals.get(site.id);
    if (ofSite === undefined) locals.set(site.id, [local]);
    else ofSite.push(local);
  }
  shared.sort((a, b) => (a.key < b.key ? -1 : 1));
  assertDistinct(shared);
  const sites = compileSites(sitesOfNetwork(snapshot, networkId), { shared, locals });
  return { epoch: snapshot.epoch, revision: snapshot.revision, shared, sites, own };
}

/** @throws {RangeError} when the connector is not a living one of this network */
export function configurationFor(compiled: CompiledNetwork, connectorId: string): Configuration {
  const own = compiled.own.get(connectorId);
  const site = own && compiled.sites.get(own.siteId);
  if (own === undefined || site === undefined) {
    throw new RangeError(`Cannot compile connector "${connectorId}": it is not in the network`);
  }
  // In order of their keys: "interface/" < "local/" < "peer/" < "route/".
  const entries = new Map<EntryKey, Entry>([[keyOf(own.entry), own.entry]]);
  for (const local of site.locals) entries.set(keyOf(local), local);
  for (const { key, siteId, entry } of compiled.shared) {
    if (siteId !== own.siteId) entries.set(key, entry);
  }
  const { epoch, revision } = compiled;
  return { epoch, revision, digest: addToDigest(site.digest, own.entry), entries };
}

/** The digest of each site is made from the whole by what the site does not get. */
function compileSites(
  sites: readonly Site[],
  entries: {
    readonly shared: readonly SharedEntry[];
    readonly locals: ReadonlyMap<string, LocalEntry[]>;
  },
): Map<string, CompiledSite> {
  const bySite = Map.groupBy(entries.shared, ({ siteId }) => siteId);
  const whole = entries.shared.reduce((sum, { entry }) => addToDigest(sum, entry), EMPTY_DIGEST);
  return new Map(
    sites.map(({ id }) => {
      const locals = (entries.locals.get(id) ?? []).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
      const others = (bySite.get(id) ?? []).reduce(
        (sum, { entry }) => subtractFromDigest(sum, entry),
        whole,
      );
      const digest = locals.reduce((sum, entry) => addToDigest(sum, entry), others);
      return [id, { locals, digest }];
    }),
  );
}

function assertDistinct(sorted: readonly SharedEntry[]): void {
  const double = sorted.find(({ key }, index) => key === sorted[index + 1]?.key);
  if (double !== undefined) {
    throw new RangeError(`Cannot compile network: two entries "${double.key}"`);
  }
}

function interfaceEntry(network: Network, site: Site, connector: Connector): InterfaceEntry {
  return {
    kind: 'interface',
    network: network.id,
    networkName: network.name,
    site: site.name,
    connector: connector.name,
    addresses: [...connector.overlayAddresses],
    overlayPrefixes: network.overlayPrefixes.toSorted(comparePrefixes),
    listenPort: connector.listenPort,
    mtuBytes: network.mtuBytes,
  };
}

/** Overlay addresses stand in the order of the overlay prefixes, IPv4 first. */
const peerEntry = remembered((network: Network, site: Site, connector: Connector): PeerEntry => {
  const endpoint = endpointOf(connector);
  return {
    kind: 'peer',
    network: network.id,
    publicKey: connector.publicKey,
    site: site.name,
    connector: connector.name,
    overlayAddresses: [...connector.overlayAddresses],
    ...(endpoint === null ? {} : { endpoint }),
    keepaliveSeconds: network.keepaliveSeconds,
  };
});

const routeEntry = remembered(
  (site: Site, carrier: Connector | undefined, route: Route): RouteEntry => ({
    kind: 'route',
    network: site.networkId,
    prefix: route.prefix,
    site: site.name,
    ...(carrier === undefined ? {} : { via: carrier.publicKey }),
  }),
);

/**
 * Gives the same entry for the same rows. Rows are never altered, only replaced, so what did
 * not change between two snapshots is the same object, and a delta finds that at a glance.
 */
function remembered<A extends object, B extends object | undefined, C extends object, E>(
  make: (a: A, b: B, c: C) => E,
): (a: A, b: B, c: C) => E {
  const made = new WeakMap<C, { readonly a: A; readonly b: B; readonly entry: E }>();
  return (a, b, c) => {
    const last = made.get(c);
    if (last?.a === a && last.b === b) return last.entry;
    const entry = make(a, b, c);
    made.set(c, { a, b, entry });
    return entry;
  };
}
