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
  configurationOf,
  type InterfaceEntry,
  keyOf,
  type LocalEntry,
  type PeerEntry,
  type RouteEntry,
} from '../../protocol/configuration.ts';
import { comparePrefixes } from '../../protocol/net.ts';
import { endpointOf } from './change-connector.ts';
import {
  connectorsOfNetwork,
  isLiving,
  networkOfConnector,
  routesOfNetwork,
  rowOf,
} from './snapshot.ts';
import type { Connector, Network, Site, Snapshot } from './types.ts';

export type CompiledNetwork = {
  readonly epoch: string;
  readonly revision: number;
  /** Peers and carried routes of all sites, by key; a connector gets those of other sites. */
  readonly shared: readonly SharedEntry[];
  /** By site id: what its own connectors get instead of routes, by key. */
  readonly locals: ReadonlyMap<string, readonly LocalEntry[]>;
  /** By id of the living connector. */
  readonly own: ReadonlyMap<string, OwnEntry>;
};

type SharedEntry = { readonly siteId: string; readonly entry: PeerEntry | RouteEntry };
type OwnEntry = { readonly siteId: string; readonly entry: InterfaceEntry };

/** @throws {RangeError} when there is no such living connector */
export function compileConnector(snapshot: Snapshot, connectorId: string): Configuration {
  const connector = rowOf(snapshot, 'connectors', connectorId);
  if (!isLiving(connector)) {
    throw new RangeError(`Cannot compile connector "${connectorId}": it was removed`);
  }
  const network = networkOfConnector(snapshot, connector);
  return configurationFor(compileNetwork(snapshot, network.id), connectorId);
}

/** @throws {RangeError} when there is no such network */
export function compileNetwork(snapshot: Snapshot, networkId: string): CompiledNetwork {
  const network = rowOf(snapshot, 'networks', networkId);
  const shared: SharedEntry[] = [];
  const locals = new Map<string, LocalEntry[]>();
  const own = new Map<string, OwnEntry>();
  for (const connector of connectorsOfNetwork(snapshot, networkId)) {
    const site = rowOf(snapshot, 'sites', connector.siteId);
    shared.push({ siteId: site.id, entry: peerEntry(network, site, connector) });
    own.set(connector.id, { siteId: site.id, entry: interfaceEntry(network, site, connector) });
  }
  for (const route of routesOfNetwork(snapshot, networkId)) {
    const site = rowOf(snapshot, 'sites', route.siteId);
    if (route.state !== 'approved' || site.assignedConnectorId === null) continue;
    const carrier = rowOf(snapshot, 'connectors', site.assignedConnectorId);
    const { prefix } = route;
    const { publicKey: via } = carrier;
    shared.push({
      siteId: site.id,
      entry: { kind: 'route', network: networkId, prefix, site: site.name, via },
    });
    const local = locals.get(site.id) ?? [];
    local.push({ kind: 'local', network: networkId, prefix });
    locals.set(site.id, local);
  }
  for (const entries of locals.values()) entries.sort(byKey);
  shared.sort((a, b) => byKey(a.entry, b.entry));
  return { epoch: snapshot.epoch, revision: snapshot.revision, shared, locals, own };
}

/** @throws {RangeError} when the connector is not a living one of this network */
export function configurationFor(compiled: CompiledNetwork, connectorId: string): Configuration {
  const own = compiled.own.get(connectorId);
  if (own === undefined) {
    throw new RangeError(`Cannot compile connector "${connectorId}": it is not in the network`);
  }
  // In order of their keys: "interface/" < "local/" < "peer/" < "route/".
  return configurationOf(compiled, [
    own.entry,
    ...(compiled.locals.get(own.siteId) ?? []),
    ...compiled.shared.filter(({ siteId }) => siteId !== own.siteId).map(({ entry }) => entry),
  ]);
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
function peerEntry(network: Network, site: Site, connector: Connector): PeerEntry {
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
}

function byKey(a: PeerEntry | RouteEntry | LocalEntry, b: typeof a): number {
  return keyOf(a) < keyOf(b) ? -1 : 1;
}
