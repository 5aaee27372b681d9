/**
 * Prints the state of a fake kernel as a person would see it on a real one. Pure.
 *
 * @module
 */
import type {
  FirewallRule,
  ObservedAddress,
  ObservedDevice,
  ObservedLink,
  ObservedPeer,
  ObservedRoute,
} from '../../agent/state.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { comparePrefixes, hostPrefix } from '../../protocol/net.ts';

/** Gives a key the name that it has in a test's world. */
export type NameOf = (publicKey: PublicKey) => string;

export type KernelState = {
  readonly links: readonly ObservedLink[];
  readonly addresses: readonly ObservedAddress[];
  readonly routes: readonly ObservedRoute[];
  readonly devices: readonly ObservedDevice[];
  readonly firewall: readonly FirewallRule[] | undefined;
  readonly sysctls: readonly (readonly [key: string, value: string])[];
};

/** One line a thing; links by name, addresses and routes by number, peers by name. */
export function kernelLines(state: KernelState, nameOf: NameOf): string[] {
  return [
    ...state.links.map(linkLine).sort(),
    ...state.addresses
      .toSorted((a, b) => comparePrefixes(hostPrefix(a.address), hostPrefix(b.address)))
      .map(({ address, length, link }) => `address ${address}/${length} dev ${link}`),
    ...state.routes
      .toSorted((a, b) => comparePrefixes(a.prefix, b.prefix) || a.metric - b.metric)
      .map(routeLine),
    ...state.devices
      .toSorted((a, b) => (a.link < b.link ? -1 : 1))
      .flatMap((device) => deviceLines(device, nameOf)),
    ...firewallLines(state.firewall),
    ...state.sysctls.map(([key, value]) => `sysctl ${key} = ${value}`).sort(),
  ];
}

function linkLine({ name, isUp, mtuBytes, kind, alias }: ObservedLink): string {
  const words = ['link', name, isUp ? 'UP' : 'DOWN', `mtu ${mtuBytes}`, kind ?? ''];
  return sentence(...words, alias === undefined ? '' : `alias ${alias}`);
}

function routeLine({ kind, prefix, link, protocol, metric, source }: ObservedRoute): string {
  return sentence(
    'route',
    kind === 'device' ? '' : kind,
    prefix,
    link === undefined ? '' : `dev ${link}`,
    `proto ${protocol} metric ${metric}`,
    source === undefined ? '' : `src ${source}`,
  );
}

function deviceLines({ link, publicKey, listenPort, peers }: ObservedDevice, nameOf: NameOf) {
  const key = publicKey === undefined ? '(none)' : nameOf(publicKey);
  return [
    `wireguard ${link} public key ${key} listening port ${listenPort}`,
    ...peers.map((peer) => `wireguard ${link} ${peerWords(peer, nameOf)}`).sort(),
  ];
}

function peerWords(peer: ObservedPeer, nameOf: NameOf): string {
  const allowedIps = peer.allowedIps.toSorted(comparePrefixes).join(', ');
  return sentence(
    `peer ${nameOf(peer.publicKey)}`,
    peer.endpoint === undefined ? '' : `endpoint ${peer.endpoint}`,
    `allowed ips ${allowedIps === '' ? '(none)' : allowedIps}`,
    peer.keepaliveSeconds === 0 ? '' : `keepalive ${peer.keepaliveSeconds}`,
    peer.handshakeAgeSeconds === undefined ? '' : `handshake ${peer.handshakeAgeSeconds} s ago`,
  );
}

function firewallLines(rules: readonly FirewallRule[] | undefined): string[] {
  if (rules === undefined) return [];
  return [
    'nft inet culvert',
    ...rules.map(({ chain, text }) => `nft inet culvert ${chain} ${text}`),
  ];
}

function sentence(...words: readonly string[]): string {
  return words.filter((word) => word !== '').join(' ');
}
