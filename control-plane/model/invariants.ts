/**
 * What must hold of every configuration before it is sent, stated without regard to how the
 * compiler makes it. A violation is a bug of ours; the stream then sends nothing, and the
 * agents keep what they have. Pure.
 *
 * @module
 */
import type {
  Configuration,
  InterfaceEntry,
  LocalEntry,
  PeerEntry,
  RouteEntry,
} from '../../protocol/configuration.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import {
  type Address,
  comparePrefixes,
  contains,
  overlaps,
  type Prefix,
} from '../../protocol/net.ts';
import { whyNotASitePrefix } from '../../protocol/special-purpose.ts';

/**
 * @param own the connector that the configuration is for
 * @returns one sentence a violation; empty when the configuration may be sent
 */
export function checkInvariants(
  configuration: Configuration,
  own: { readonly publicKey: PublicKey },
): string[] {
  const entries = [...configuration.entries.values()];
  const interfaces = entries.filter((entry) => entry.kind === 'interface');
  const [self] = interfaces;
  if (self === undefined || interfaces.length > 1) {
    return [`the configuration has ${interfaces.length} interfaces; expected one`];
  }
  const peers = entries.filter((entry) => entry.kind === 'peer');
  const routes = entries.filter((entry) => entry.kind === 'route');
  const locals = entries.filter((entry) => entry.kind === 'local');
  return [
    ...entries
      .filter((entry) => entry.network !== self.network)
      .map((entry) => `${entry.kind} of network "${entry.network}" in a configuration of another`),
    ...checkPeers(peers, own.publicKey),
    ...checkOverlayAddresses(self, peers),
    ...checkVia(routes, peers),
    ...checkPrefixes(self, [...routes, ...locals]),
  ];
}

function checkPeers(peers: readonly PeerEntry[], ownKey: PublicKey): string[] {
  return peers
    .filter((peer) => peer.publicKey === ownKey)
    .map((peer) => `peer "${peer.connector}" has the connector's own key`);
}

/** Each address is inside an overlay prefix and has one owner. */
function checkOverlayAddresses(self: InterfaceEntry, peers: readonly PeerEntry[]): string[] {
  const violations: string[] = [];
  const owners = new Map<Address, string>();
  const check = (owner: string, addresses: readonly Address[]) => {
    for (const address of addresses) {
      const other = owners.get(address);
      if (other !== undefined) {
        violations.push(`overlay address "${address}" belongs to "${other}" and "${owner}"`);
      }
      owners.set(address, owner);
      if (!self.overlayPrefixes.some((overlay) => contains(overlay, address))) {
        violations.push(`overlay address "${address}" of "${owner}" is outside the overlay`);
      }
    }
  };
  check(self.connector, self.addresses);
  for (const peer of peers) check(peer.connector, peer.overlayAddresses);
  return violations;
}

/** Every route is carried by a peer, and by one of its own site. */
function checkVia(routes: readonly RouteEntry[], peers: readonly PeerEntry[]): string[] {
  const byKey = new Map(peers.map((peer) => [peer.publicKey, peer]));
  return routes.flatMap((route) => {
    const carrier = byKey.get(route.via);
    if (carrier === undefined) return [`route "${route.prefix}" is via "${route.via}", not a peer`];
    if (carrier.site === route.site) return [];
    return [
      `route "${route.prefix}" of site "${route.site}" is via "${carrier.connector}" ` +
        `of site "${carrier.site}"`,
    ];
  });
}

/** Each prefix may be a site's, is outside the overlay, and overlaps no other. */
function checkPrefixes(
  self: InterfaceEntry,
  entries: readonly (RouteEntry | LocalEntry)[],
): string[] {
  const violations: string[] = [];
  const sorted = entries.toSorted((a, b) => comparePrefixes(a.prefix, b.prefix));
  // Prefixes nest or are apart, so in this order the widest so far meets whatever overlaps.
  let widest: RouteEntry | LocalEntry | undefined;
  for (const entry of sorted) {
    const { prefix } = entry;
    const fault = whyNotASitePrefix(prefix);
    if (fault !== undefined) violations.push(fault);
    for (const overlay of overlapping(prefix, self.overlayPrefixes)) {
      violations.push(`${labelOf(entry)} overlaps the overlay prefix "${overlay}"`);
    }
    if (widest !== undefined && contains(widest.prefix, prefix)) {
      violations.push(`${labelOf(entry)} overlaps ${labelOf(widest)}`);
    } else {
      widest = entry;
    }
  }
  return violations;
}

function overlapping(prefix: Prefix, others: readonly Prefix[]): Prefix[] {
  return others.filter((other) => overlaps(prefix, other));
}

function labelOf(entry: RouteEntry | LocalEntry): string {
  if (entry.kind === 'local') return `local prefix "${entry.prefix}"`;
  return `route "${entry.prefix}" of site "${entry.site}"`;
}
