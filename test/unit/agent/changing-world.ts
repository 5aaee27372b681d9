/**
 * A change of acme that touches everything but branch: plant gives a prefix away and gains
 * one, yard leaves, depot comes, and hq-gw gets another address, port and MTU.
 */
import { BACKSTOP_METRIC, ROUTE_METRIC, ROUTE_PROTOCOL } from '../../../agent/state.ts';
import type { Entry, PeerEntry } from '../../../protocol/configuration.ts';
import type { PublicKey } from '../../../protocol/keys.ts';
import type { Name } from '../../../protocol/name.ts';
import { address, prefix } from '../../../protocol/net.ts';
import { FakeKernel } from '../../fakes/kernel.ts';
import { BRANCH, BRANCH_KEY, ENTRIES, HQ, local, NETWORK, PLANT, route } from './world.ts';

const YARD = extraPeer('yard', 4);
const DEPOT = extraPeer('depot', 5);

export const BEFORE: readonly Entry[] = [...ENTRIES, YARD, routeVia('10.4.0.0/16', YARD)];

export const AFTER: readonly Entry[] = [
  { ...HQ, addresses: [address('100.96.0.9')], listenPort: 51821, mtuBytes: 1380 },
  BRANCH,
  PLANT,
  DEPOT,
  local('10.1.0.0/16'),
  local('fd00:1::/48'),
  route('10.2.0.0/16', 'branch'),
  route('fd00:2::/48', 'branch'),
  route('10.6.0.0/16', 'plant'),
  route('fd00:3::/48', 'plant'),
  routeVia('10.3.0.0/16', DEPOT),
];

/** Of other programs: there in every state. */
export const FOREIGN: readonly string[] = [
  'link lan0 UP mtu 1500',
  'link wan0 UP mtu 1500',
  'link wg0 UP mtu 1420 wireguard',
  'address 10.1.0.1/24 dev lan0',
  'address 10.9.0.1/24 dev wg0',
  'route 10.7.0.0/16 dev wan0 proto 4 metric 0',
  'route 10.8.0.0/16 dev wg0 proto 3 metric 0',
];

/** Of ours, and not concerned by the change: there in every state of it. */
export const BYSTANDERS: readonly string[] = [
  ...['10.2.0.0/16 dev culvert0 %M src 10.1.0.1', 'fd00:2::/48 dev culvert0 %M src fd00:1::1'].map(
    (words) => `route ${words.replace('%M', `proto ${ROUTE_PROTOCOL} metric ${ROUTE_METRIC}`)}`,
  ),
  ...['10.2.0.0/16', 'fd00:2::/48'].map(backstopLine),
  `wireguard culvert0 peer ${BRANCH_KEY} endpoint 198.51.100.2:51820 allowed ips ` +
    '10.2.0.0/16, 100.96.0.2/32, fd00:2::/48, fd96::2/128 keepalive 25',
];

/** hq's gateway before it became a connector, with others' routes and a WireGuard of theirs. */
export function gateway(): FakeKernel {
  return new FakeKernel({
    wireGuard: 'userspace',
    links: [
      { name: 'lan0', mtuBytes: 1500, isUp: true },
      { name: 'wan0', mtuBytes: 1500, isUp: true },
      { name: 'wg0', mtuBytes: 1420, isUp: true, kind: 'wireguard' },
    ],
    addresses: [
      { link: 'lan0', address: address('10.1.0.1'), length: 24 },
      { link: 'lan0', address: address('fd00:1::1'), length: 64 },
      { link: 'wan0', address: address('198.51.100.1'), length: 24 },
      { link: 'wg0', address: address('10.9.0.1'), length: 24 },
    ],
    routes: [
      { kind: 'device', prefix: prefix('10.7.0.0/16'), link: 'wan0', protocol: 4, metric: 0 },
      { kind: 'device', prefix: prefix('10.8.0.0/16'), link: 'wg0', protocol: 3, metric: 0 },
    ],
  });
}

/**
 * Collects what is wrong in any state from here on: a line that is gone and must not be, a way
 * into the tunnel behind which no backstop stands.
 */
export function watch(kernel: FakeKernel, untouched: readonly string[]): string[] {
  const faults: string[] = [];
  kernel.onChange = () => {
    const lines = kernel.lines();
    const lost = untouched.filter((line) => !lines.includes(line));
    faults.push(...lost.map((line) => `lost: ${line}`), ...unguarded(lines));
  };
  kernel.onChange();
  return faults;
}

/** A link made after forwarding was switched on has it from the start; one made before, later. */
export function comparable(kernel: FakeKernel): string[] {
  return kernel
    .lines()
    .filter((line) => !line.startsWith('sysctl net/ipv6/conf/culvert0/forwarding'));
}

function unguarded(lines: readonly string[]): string[] {
  return lines
    .map((line) => /^route (\S+) dev culvert0 /.exec(line)?.[1])
    .filter((to) => to !== undefined && !lines.includes(backstopLine(to)))
    .map((to) => `no backstop: ${to}`);
}

function backstopLine(to: string): string {
  return `route unreachable ${to} proto ${ROUTE_PROTOCOL} metric ${BACKSTOP_METRIC}`;
}

function extraPeer(site: string, number: number): PeerEntry {
  return {
    kind: 'peer',
    network: NETWORK,
    publicKey: `${site[0]?.repeat(42)}A=` as PublicKey, // of the right form
    site: site as Name,
    connector: `${site}-gw` as Name,
    overlayAddresses: [address(`100.96.0.${number}`)],
    keepaliveSeconds: 25,
  };
}

function routeVia(text: string, { site, publicKey }: PeerEntry): Entry {
  return { kind: 'route', network: NETWORK, prefix: prefix(text), site, via: publicKey };
}
