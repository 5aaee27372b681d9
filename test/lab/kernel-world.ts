/**
 * What the tests of the kernel adapters do: operations on one gateway, `hq`, whose LAN is
 * 10.1.0.0/16 and whose peers are `branch` and `plant`.
 *
 * @module
 */
import type { DesiredPeer, DesiredRoute, FirewallRule, Operation } from '../../agent/state.ts';
import type { Endpoint } from '../../protocol/endpoint.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { address, type Prefix, prefix } from '../../protocol/net.ts';

export const LINK = 'culvert0';
export const ALIAS = 'culvert:net_acme';
export const OWN4 = prefix('100.96.0.1/32');
export const OWN6 = prefix('fd96::1/128');
export const BRANCH4 = prefix('10.2.0.0/16');
export const BRANCH6 = prefix('fd02::/48');
export const ENDPOINT6 = '[2001:db8::2]:51820' as Endpoint;

export const CREATE: Operation = {
  kind: 'create-link',
  link: LINK,
  alias: ALIAS,
  mtuBytes: 1420,
  implementation: 'userspace',
};
export const START: Operation = { kind: 'start-device', link: LINK };
export const UP: Operation = { kind: 'set-link', link: LINK, mtuBytes: 1400 };
export const REMOVE: Operation = { kind: 'remove-link', link: LINK };
export const CLAMP: FirewallRule = {
  chain: 'forward',
  text: `oifname "${LINK}" tcp flags syn tcp option maxseg size set rt mtu`,
  id: '0123456789abcdef',
};
export const SOURCED: Extract<DesiredRoute, { kind: 'device' }> = {
  kind: 'device',
  prefix: BRANCH4,
  link: LINK,
  metric: 121,
  source: address('10.1.0.1'),
};
export const BACKSTOP: DesiredRoute = {
  kind: 'unreachable',
  prefix: BRANCH4,
  metric: 4_000_000_000,
};

export function peer(
  publicKey: PublicKey,
  allowedIps: readonly Prefix[],
  endpoint?: Endpoint,
): DesiredPeer {
  return { publicKey, allowedIps, endpoint, keepaliveSeconds: 0 };
}

export function setPeer(wanted: DesiredPeer): Operation {
  return { kind: 'set-peer', link: LINK, peer: wanted };
}

export function removePeer(publicKey: PublicKey): Operation {
  return { kind: 'remove-peer', link: LINK, publicKey };
}

export function addAddress(of: Prefix): Operation {
  return { kind: 'add-address', link: LINK, address: of };
}

export function replace(route: DesiredRoute): Operation {
  return { kind: 'replace-route', route };
}

export function setFirewall(...rules: readonly FirewallRule[]): Operation {
  return { kind: 'set-firewall', rules };
}

export function sysctl(key: string): Operation {
  return { kind: 'set-sysctl', key, value: '1' };
}

export function setDevice(publicKey: PublicKey): Operation {
  return { kind: 'set-device', link: LINK, publicKey, listenPort: 51_999 };
}

/** What travelled as JSON has no undefined members. */
export function onlyDefined<T extends object>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T; // the same, as far as JSON can say it
}
