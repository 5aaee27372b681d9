/**
 * Decides how the peers of one WireGuard device must change. Pure: no kernel, no clock, no
 * file. `kernel/wireguard.ts` carries the decisions out.
 *
 * @module
 */
import type { Endpoint } from '../protocol/endpoint.ts';
import type { PublicKey } from '../protocol/keys.ts';
import type { Prefix } from '../protocol/net.ts';
import type { DesiredPeer, ObservedPeer, Operation } from './state.ts';

export type SetPeer = Extract<Operation, { kind: 'set-peer' }>;
export type RemovePeer = Extract<Operation, { kind: 'remove-peer' }>;

export type PeerPlan = {
  /** Peers that gain a prefix or are new: before the routes that use it. */
  readonly gain: readonly SetPeer[];
  /** Peers that only lose a prefix or change otherwise: after the routes are gone. */
  readonly lose: readonly SetPeer[];
  readonly remove: readonly RemovePeer[];
};

/**
 * A session dies this long after its handshake, so a younger one is in use.
 * Source: WireGuard whitepaper §6.1, Reject-After-Time.
 */
export const REJECT_AFTER_SECONDS = 180;

/**
 * Plans the operations that turn the observed peers into the desired ones. Each list is in
 * order of public keys.
 *
 * The kernel keeps a prefix on one peer and moves it when another is given it, so a prefix
 * that is handed over always has an owner. (When two peers swap prefixes one is without for
 * a moment; only an extra step avoids that.)
 *
 * Endpoints: while a session is younger than {@link REJECT_AFTER_SECONDS} the kernel's
 * endpoint stands, because it was learnt from the peer's own authenticated packets; the
 * desired one is only where to begin. Without one the kernel's stays as well: wg(8) cannot
 * clear an endpoint.
 *
 * @throws {RangeError} when two desired peers claim one prefix. The control plane refuses
 *   such routes (`route-conflict`), so this is a bug and not bad input.
 * @see wg(8), "allowed-ips"; WireGuard whitepaper §2, "Cryptokey Routing"
 */
export function planPeers({
  link,
  desired,
  observed,
}: {
  readonly link: string;
  readonly desired: readonly DesiredPeer[];
  readonly observed: readonly ObservedPeer[];
}): PeerPlan {
  assertDisjoint(desired);
  const byKey = new Map(observed.map((peer) => [peer.publicKey, peer]));
  const wanted = new Set(desired.map((peer) => peer.publicKey));
  const gain: SetPeer[] = [];
  const lose: SetPeer[] = [];
  for (const peer of desired) {
    const current = byKey.get(peer.publicKey);
    const target = { ...peer, endpoint: chooseEndpoint(peer, current) };
    if (current !== undefined && isSamePeer(target, current)) continue;
    const held = new Set(current?.allowedIps);
    const gains = current === undefined || peer.allowedIps.some((prefix) => !held.has(prefix));
    (gains ? gain : lose).push({ kind: 'set-peer', link, peer: target });
  }
  const remove = observed
    .filter((peer) => !wanted.has(peer.publicKey))
    .map(({ publicKey }): RemovePeer => ({ kind: 'remove-peer', link, publicKey }));
  return {
    gain: gain.sort((a, b) => compareText(a.peer.publicKey, b.peer.publicKey)),
    lose: lose.sort((a, b) => compareText(a.peer.publicKey, b.peer.publicKey)),
    remove: remove.sort((a, b) => compareText(a.publicKey, b.publicKey)),
  };
}

function chooseEndpoint(desired: DesiredPeer, observed?: ObservedPeer): Endpoint | undefined {
  const age = observed?.handshakeAgeSeconds;
  const isInUse = age !== undefined && age < REJECT_AFTER_SECONDS;
  return isInUse ? observed?.endpoint : (desired.endpoint ?? observed?.endpoint);
}

function isSamePeer(a: DesiredPeer, b: DesiredPeer): boolean {
  if (a.endpoint !== b.endpoint || a.keepaliveSeconds !== b.keepaliveSeconds) return false;
  const held = new Set(b.allowedIps);
  return a.allowedIps.length === held.size && a.allowedIps.every((prefix) => held.has(prefix));
}

function assertDisjoint(peers: readonly DesiredPeer[]): void {
  const ownerOf = new Map<Prefix, PublicKey>();
  for (const { publicKey, allowedIps } of peers) {
    for (const prefix of allowedIps) {
      const owner = ownerOf.get(prefix);
      if (owner !== undefined && owner !== publicKey) {
        throw new RangeError(
          `Cannot plan peers: "${prefix}" is claimed by ${owner} and ${publicKey}`,
        );
      }
      ownerOf.set(prefix, publicKey);
    }
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
