/**
 * The world of the agent's tests. Network `acme` has three sites: the agent under test is
 * `hq-gw` at `hq` (10.1.0.0/16, LAN on lan0); `branch-gw` is at `branch` (10.2.0.0/16),
 * `plant-gw` at `plant` (10.3.0.0/16). Each has an IPv6 prefix fd00:N::/48 beside it.
 */

import type { LocalSettings } from '../../../agent/desire.ts';
import type { Observed } from '../../../agent/state.ts';
import {
  type Configuration,
  configurationOf,
  type Entry,
  type InterfaceEntry,
  type PeerEntry,
  type RouteEntry,
} from '../../../protocol/configuration.ts';
import type { Endpoint } from '../../../protocol/endpoint.ts';
import type { PublicKey } from '../../../protocol/keys.ts';
import type { Name } from '../../../protocol/name.ts';
import { address, prefix } from '../../../protocol/net.ts';

export const NETWORK = `net_${'0'.repeat(20)}`;

const key = (letter: string) => `${letter.repeat(42)}A=` as PublicKey;

export const HQ_KEY = key('h');
export const BRANCH_KEY = key('b');
export const PLANT_KEY = key('p');

export const HQ: InterfaceEntry = {
  kind: 'interface',
  network: NETWORK,
  networkName: 'acme' as Name,
  site: 'hq' as Name,
  connector: 'hq-gw' as Name,
  addresses: [address('100.96.0.1'), address('fd96::1')],
  overlayPrefixes: [prefix('100.96.0.0/16'), prefix('fd96::/64')],
  listenPort: 51820,
  mtuBytes: 1420,
};

export const BRANCH: PeerEntry = {
  kind: 'peer',
  network: NETWORK,
  publicKey: BRANCH_KEY,
  site: 'branch' as Name,
  connector: 'branch-gw' as Name,
  overlayAddresses: [address('100.96.0.2'), address('fd96::2')],
  endpoint: '198.51.100.2:51820' as Endpoint,
  keepaliveSeconds: 25,
};

export const PLANT: PeerEntry = {
  kind: 'peer',
  network: NETWORK,
  publicKey: PLANT_KEY,
  site: 'plant' as Name,
  connector: 'plant-gw' as Name,
  overlayAddresses: [address('100.96.0.3'), address('fd96::3')],
  keepaliveSeconds: 25,
};

export const route = (text: string, site: 'branch' | 'plant'): RouteEntry => ({
  kind: 'route',
  network: NETWORK,
  prefix: prefix(text),
  site: site as Name,
  via: site === 'branch' ? BRANCH_KEY : PLANT_KEY,
});

export const local = (text: string): Entry => ({
  kind: 'local',
  network: NETWORK,
  prefix: prefix(text),
});

/** The whole of acme as hq-gw is told. */
export const ENTRIES: readonly Entry[] = [
  HQ,
  BRANCH,
  PLANT,
  local('10.1.0.0/16'),
  local('fd00:1::/48'),
  route('10.2.0.0/16', 'branch'),
  route('fd00:2::/48', 'branch'),
  route('10.3.0.0/16', 'plant'),
  route('fd00:3::/48', 'plant'),
];

export const configuration = (entries: readonly Entry[] = ENTRIES, revision = 7): Configuration =>
  configurationOf({ epoch: 'e1', revision }, entries);

export const SETTINGS: LocalSettings = {
  interfaceBase: 'culvert',
  publicKey: HQ_KEY,
  controlPlaneAddresses: [address('203.0.113.1')],
};

/** hq's gateway before it became a connector: a LAN, a WAN, forwarding off. */
export const BARE_HOST: Observed = {
  wireGuard: 'kernel',
  links: [
    { name: 'lo', mtuBytes: 65_536, isUp: true },
    { name: 'lan0', mtuBytes: 1500, isUp: true },
    { name: 'wan0', mtuBytes: 1500, isUp: true },
  ],
  addresses: [
    { link: 'lo', address: address('127.0.0.1'), length: 8 },
    { link: 'lan0', address: address('10.1.0.1'), length: 24 },
    { link: 'lan0', address: address('fd00:1::1'), length: 64 },
    { link: 'wan0', address: address('198.51.100.1'), length: 24 },
  ],
  devices: [],
  routes: [
    { prefix: prefix('0.0.0.0/0'), kind: 'gateway', protocol: 3, metric: 0, link: 'wan0' },
    { prefix: prefix('10.1.0.0/24'), kind: 'device', protocol: 2, metric: 0, link: 'lan0' },
    { prefix: prefix('198.51.100.0/24'), kind: 'device', protocol: 2, metric: 0, link: 'wan0' },
  ],
  firewall: undefined,
  sysctls: new Map([
    ['net/ipv4/conf/lan0/forwarding', '0'],
    ['net/ipv4/conf/wan0/forwarding', '0'],
    ['net/ipv6/conf/lan0/accept_ra', '0'],
    ['net/ipv6/conf/wan0/accept_ra', '1'],
    ['net/ipv6/conf/all/forwarding', '0'],
  ]),
};
