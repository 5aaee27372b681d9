/**
 * Gives out overlay prefixes to networks and overlay addresses to connectors. Pure: what is
 * free follows from the snapshot, what is given is stored once and never moves.
 *
 * @module
 */
import {
  type Address,
  addressAt,
  addressCount,
  familyOf,
  formatPrefix,
  overlaps,
  type Prefix,
  prefix,
  prefixParts,
} from '../../protocol/net.ts';
import { connectorsOfNetwork } from './snapshot.ts';
import type { ChangeContext, Network, Snapshot } from './types.ts';

/** The upper half of shared address space (RFC 6598). */
export const DEFAULT_IPV4_POOL = prefix('100.96.0.0/11');

const DEFAULT_IPV4_LENGTH = 16;

/** The first /16 of the pool that overlaps no network's overlay; undefined when none is left. */
export function allocateIpv4Overlay(snapshot: Snapshot): Prefix | undefined {
  const used = [...snapshot.networks.values()].flatMap((network) => network.overlayPrefixes);
  const pool = prefixParts(DEFAULT_IPV4_POOL);
  const size = 1n << BigInt(32 - DEFAULT_IPV4_LENGTH);
  for (let offset = 0n; offset < addressCount(DEFAULT_IPV4_POOL); offset += size) {
    const candidate = formatPrefix({
      family: 4,
      bits: pool.bits + offset,
      length: DEFAULT_IPV4_LENGTH,
    });
    if (!used.some((other) => overlaps(other, candidate))) return candidate;
  }
  return undefined;
}

/** Subnet 0 of a random unique local prefix (RFC 4193 §3.2): `fdXX:XXXX:XXXX::/64`. */
export function allocateIpv6Overlay({ randomBytes }: Pick<ChangeContext, 'randomBytes'>): Prefix {
  const globalId = randomBytes(5).reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
  return formatPrefix({ family: 6, bits: (0xfdn << 120n) | (globalId << 80n), length: 64 });
}

/**
 * The lowest free address of each overlay prefix, in their order.
 *
 * @returns the prefix that has none left instead, when there is one
 */
export function allocateOverlayAddresses(
  snapshot: Snapshot,
  network: Network,
): { readonly addresses: readonly Address[] } | { readonly exhausted: Prefix } {
  const used = new Set(
    connectorsOfNetwork(snapshot, network.id).flatMap((connector) => connector.overlayAddresses),
  );
  const addresses: Address[] = [];
  for (const overlay of network.overlayPrefixes) {
    const free = lowestFree(overlay, used);
    if (free === undefined) return { exhausted: overlay };
    addresses.push(free);
  }
  return { addresses };
}

/**
 * Passes over the network address (for IPv6 the subnet routers' anycast address, RFC 4291
 * §2.6.1) and for IPv4 over the last one, the broadcast address.
 */
function lowestFree(overlay: Prefix, used: ReadonlySet<Address>): Address | undefined {
  const end = addressCount(overlay) - (familyOf(overlay) === 4 ? 1n : 0n);
  for (let offset = 1n; offset < end; offset++) {
    const candidate = addressAt(overlay, offset);
    if (!used.has(candidate)) return candidate;
  }
  return undefined;
}
