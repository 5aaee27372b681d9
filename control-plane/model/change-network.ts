/**
 * Decides changes of networks. Pure.
 *
 * @module
 */
import type { Name } from '../../protocol/name.ts';
import { familyOf, type Prefix } from '../../protocol/net.ts';
import { DEFAULT_KEEPALIVE_SECONDS, DEFAULT_MTU_BYTES } from '../../protocol/rest.ts';
import { allocateIpv4Overlay, allocateIpv6Overlay, DEFAULT_IPV4_POOL } from './allocate.ts';
import { change, put, refuse, remove, unchanged } from './decision.ts';
import { refuseOverlay } from './prefix-rules.ts';
import { resolve } from './reference.ts';
import { connectorsOfNetwork, sitesOfNetwork } from './snapshot.ts';
import type { ChangeContext, Decision, Network, Snapshot } from './types.ts';

export type NetworkInput = {
  readonly name: Name;
  /** Absent: a free IPv4 /16 of shared address space and a random IPv6 unique local /64. */
  readonly overlayPrefixes?: readonly Prefix[] | undefined;
  readonly mtuBytes?: number | undefined;
  readonly keepaliveSeconds?: number | undefined;
};

export type NetworkPatch = {
  /** Id or name. */
  readonly network: string;
  readonly mtuBytes?: number | undefined;
  readonly keepaliveSeconds?: number | undefined;
};

export function createNetwork(
  snapshot: Snapshot,
  input: NetworkInput,
  context: ChangeContext,
): Decision<Network> {
  const { name, mtuBytes, keepaliveSeconds } = input;
  if ([...snapshot.networks.values()].some((network) => network.name === name)) {
    return refuse('name-taken', `there is a network "${name}" already`, '/name');
  }
  const overlayPrefixes = input.overlayPrefixes ?? defaultOverlay(snapshot, context);
  if (overlayPrefixes === undefined) {
    return refuse(
      'overlay-exhausted',
      `every /16 of ${DEFAULT_IPV4_POOL} is the overlay of a network; expected overlayPrefixes`,
      '/overlayPrefixes',
    );
  }
  const refusal = refuseOverlay(overlayPrefixes);
  if (refusal !== undefined) return refusal;
  const network: Network = {
    id: context.newId('net'),
    name,
    overlayPrefixes: overlayPrefixes.toSorted((a, b) => familyOf(a) - familyOf(b)),
    mtuBytes: mtuBytes ?? DEFAULT_MTU_BYTES,
    keepaliveSeconds: keepaliveSeconds ?? DEFAULT_KEEPALIVE_SECONDS,
    createdAt: context.now,
  };
  return change(network, { writes: [put('networks', network)], reachesAgents: false });
}

export function updateNetwork(snapshot: Snapshot, patch: NetworkPatch): Decision<Network> {
  const found = resolve(snapshot, 'networks', patch.network);
  if (found.kind === 'refuse') return found;
  const before = found.row;
  const mtuBytes = patch.mtuBytes ?? before.mtuBytes;
  const keepaliveSeconds = patch.keepaliveSeconds ?? before.keepaliveSeconds;
  if (mtuBytes === before.mtuBytes && keepaliveSeconds === before.keepaliveSeconds) {
    return unchanged(before);
  }
  const network: Network = { ...before, mtuBytes, keepaliveSeconds };
  return change(network, {
    writes: [put('networks', network)],
    reachesAgents: connectorsOfNetwork(snapshot, network.id).length > 0,
  });
}

/** Refused while the network has sites. The result is the network as it was. */
export function deleteNetwork(
  snapshot: Snapshot,
  input: { readonly network: string },
): Decision<Network> {
  const found = resolve(snapshot, 'networks', input.network);
  if (found.kind === 'refuse') return found;
  const network = found.row;
  const sites = sitesOfNetwork(snapshot, network.id);
  if (sites.length > 0) {
    const names = sites.map((site) => `"${site.name}"`).sort();
    return refuse('in-use', `network "${network.name}" still has the sites ${names.join(', ')}`);
  }
  return change(network, { writes: [remove('networks', network)], reachesAgents: false });
}

function defaultOverlay(snapshot: Snapshot, context: ChangeContext): Prefix[] | undefined {
  const ipv4 = allocateIpv4Overlay(snapshot);
  return ipv4 === undefined ? undefined : [ipv4, allocateIpv6Overlay(context)];
}
