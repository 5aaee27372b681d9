/**
 * Answers which network, route, site and connector carry an address. Pure.
 *
 * @module
 */
import {
  type Address,
  contains,
  hostPrefix,
  type Prefix,
  prefixLength,
} from '../../protocol/net.ts';
import { approvedPrefixes } from './prefix-rules.ts';
import { connectorsOfNetwork, routesOfNetwork, rowOf } from './snapshot.ts';
import type { Connector, Network, Route, Site, Snapshot } from './types.ts';

export type LookupMatch = {
  readonly network: Network;
  /** route: behind a site; overlay: a connector itself; none: known, but nobody carries it. */
  readonly kind: 'route' | 'overlay' | 'none';
  readonly prefix: Prefix | null;
  readonly site: Site | null;
  /** Who carries it; null when the site has no connector. */
  readonly connector: Connector | null;
  /** Other routes that hold the address, the longest prefix first. */
  readonly alternatives: readonly { readonly route: Route; readonly site: Site }[];
};

/** One match for each network that knows the address, by name; empty when none does. */
export function lookup(snapshot: Snapshot, address: Address): LookupMatch[] {
  return [...snapshot.networks.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((network) => lookupIn(snapshot, network, address))
    .filter((match) => match !== undefined);
}

function lookupIn(snapshot: Snapshot, network: Network, address: Address): LookupMatch | undefined {
  const found = approvedPrefixes(snapshot, network.id).match(address);
  const alternatives = routesOfNetwork(snapshot, network.id)
    .filter(({ prefix, state }) => state === 'pending' && contains(prefix, address))
    .sort((a, b) => prefixLength(b.prefix) - prefixLength(a.prefix))
    .map((route) => ({ route, site: rowOf(snapshot, 'sites', route.siteId) }));
  if (found !== undefined) {
    const { prefix, value: site } = found;
    const carrier = site.assignedConnectorId;
    const connector = carrier === null ? null : rowOf(snapshot, 'connectors', carrier);
    return { network, kind: 'route', prefix, site, connector, alternatives };
  }
  const connector = connectorsOfNetwork(snapshot, network.id).find(({ overlayAddresses }) =>
    overlayAddresses.includes(address),
  );
  if (connector !== undefined) {
    const site = rowOf(snapshot, 'sites', connector.siteId);
    const prefix = hostPrefix(address);
    return { network, kind: 'overlay', prefix, site, connector, alternatives };
  }
  const isKnown =
    alternatives.length > 0 ||
    network.overlayPrefixes.some((overlay) => contains(overlay, address));
  if (!isKnown) return undefined;
  return { network, kind: 'none', prefix: null, site: null, connector: null, alternatives };
}
