import { describe, expect, test } from 'vitest';
import { desire } from '../../../agent/desire.ts';
import { BACKSTOP_METRIC, type Observed, ROUTE_METRIC } from '../../../agent/state.ts';
import type { Entry } from '../../../protocol/configuration.ts';
import type { Endpoint } from '../../../protocol/endpoint.ts';
import { address, prefix } from '../../../protocol/net.ts';
import {
  BARE_HOST,
  BRANCH,
  BRANCH_KEY,
  configuration,
  ENTRIES,
  HQ,
  HQ_KEY,
  local,
  NETWORK,
  PLANT,
  route,
  SETTINGS,
} from './world.ts';

describe('desire()', () => {
  test('makes one interface with the peers and their allowed IPs', () => {
    const [wanted] = wish().desired.interfaces;
    expect(wanted).toMatchObject({
      name: 'culvert0',
      alias: `culvert:${NETWORK}`,
      mtuBytes: 1420,
      listenPort: 51820,
      publicKey: HQ_KEY,
      addresses: ['100.96.0.1/32', 'fd96::1/128'],
    });
    expect(wanted?.peers.find((peer) => peer.publicKey === BRANCH_KEY)).toEqual({
      publicKey: BRANCH_KEY,
      allowedIps: ['100.96.0.2/32', 'fd96::2/128', '10.2.0.0/16', 'fd00:2::/48'],
      endpoint: '198.51.100.2:51820',
      keepaliveSeconds: 25,
    });
  });

  test('routes every remote prefix and the overlay, each with a backstop behind it', () => {
    const { routes } = wish().desired;
    const prefixes = (metric: number) =>
      routes.filter((r) => r.metric === metric).map((r) => r.prefix);
    const expected = [
      '10.2.0.0/16',
      'fd00:2::/48',
      '10.3.0.0/16',
      'fd00:3::/48',
      '100.96.0.0/16',
      'fd96::/64',
    ];
    expect(prefixes(ROUTE_METRIC)).toEqual(expected);
    expect(prefixes(BACKSTOP_METRIC)).toEqual(expected);
    expect(routes.some((r) => r.prefix === '10.1.0.0/16')).toBe(false);
  });

  test('makes a prefix that nobody carries unreachable, instead of letting it out', () => {
    const { via: _, ...nobody } = route('10.4.0.0/16', 'branch');
    const { routes, interfaces } = wish([...ENTRIES, nobody]).desired;
    expect(routes.filter((r) => r.prefix === '10.4.0.0/16')).toEqual([
      { kind: 'unreachable', prefix: '10.4.0.0/16', metric: BACKSTOP_METRIC },
    ]);
    const allowed = interfaces.flatMap((i) => i.peers.flatMap((peer) => peer.allowedIps));
    expect(allowed).not.toContain('10.4.0.0/16');
  });

  test("prefers the host's LAN address as source, and falls back to the overlay's", () => {
    expect(sourceOf('10.2.0.0/16')).toBe('10.1.0.1');
    expect(sourceOf('fd00:2::/48')).toBe('fd00:1::1');
    const withoutLan = { ...BARE_HOST, addresses: [] };
    expect(sourceOf('10.2.0.0/16', withoutLan)).toBe('100.96.0.1');
    expect(sourceOf('fd00:2::/48', withoutLan)).toBe('fd96::1');
  });

  test('switches forwarding on for the tunnel and the LAN only, and keeps the WAN advertised', () => {
    expect(wish().desired.sysctls).toEqual([
      { key: 'net/ipv4/conf/culvert0/forwarding', value: '1' },
      { key: 'net/ipv4/conf/lan0/forwarding', value: '1' },
      { key: 'net/ipv6/conf/wan0/accept_ra', value: '2' },
      { key: 'net/ipv6/conf/all/forwarding', value: '1' },
    ]);
  });

  test('leaves accept_ra alone on a host that routes IPv6 already', () => {
    const sysctls = new Map([...BARE_HOST.sysctls, ['net/ipv6/conf/all/forwarding', '1'] as const]);
    const { desired } = wish(ENTRIES, { ...BARE_HOST, sysctls });
    expect(desired.sysctls.map((sysctl) => sysctl.key)).not.toContain(
      'net/ipv6/conf/wan0/accept_ra',
    );
  });

  test('takes the next free name when the first one is in use by somebody else', () => {
    const taken = { name: 'culvert0', mtuBytes: 1500, isUp: true };
    const { desired } = wish(ENTRIES, { ...BARE_HOST, links: [...BARE_HOST.links, taken] });
    expect(desired.interfaces[0]?.name).toBe('culvert1');
  });

  test('keeps the name of the link that carries the alias', () => {
    const ours = { name: 'tunnel7', alias: `culvert:${NETWORK}`, mtuBytes: 1420, isUp: true };
    const { desired } = wish(ENTRIES, { ...BARE_HOST, links: [...BARE_HOST.links, ours] });
    expect(desired.interfaces[0]?.name).toBe('tunnel7');
  });

  test.each([
    ['a connected prefix', '10.1.0.0/24', /own|behind this site/],
    ['a part of a connected prefix', '198.51.100.0/25', /special-purpose/],
    ['the default route', '0.0.0.0/0', /every address/],
    ['loopback', '127.0.0.0/8', /special-purpose/],
  ])('holds %s', (_, text, reason) => {
    const { desired, held } = wish([...ENTRIES, route(text, 'branch')]);
    expect(held).toEqual([
      { operation: `route ${text} of site branch`, reason: expect.stringMatching(reason) },
    ]);
    expect(desired.routes.some((r) => r.prefix === text)).toBe(false);
    expect(
      desired.interfaces[0]?.peers.some((peer) => peer.allowedIps.includes(prefix(text))),
    ).toBe(false);
  });

  test('holds a prefix that would take over a network of the host', () => {
    const lab = { link: 'lab0', address: address('172.16.5.1'), length: 24 };
    const observed = { ...BARE_HOST, addresses: [...BARE_HOST.addresses, lab] };
    const heldFor = (text: string) =>
      wish([...ENTRIES, route(text, 'branch')], observed).held.map((held) => held.reason);
    expect(heldFor('172.16.5.0/24')).toEqual([expect.stringContaining('lab0')]);
    expect(heldFor('172.16.5.128/25')).toEqual([expect.stringContaining('lab0')]);
    expect(heldFor('172.16.0.0/16')).toEqual([]);
  });

  test('holds a prefix that holds the endpoint of a peer or the control plane', () => {
    const branch = { ...BRANCH, endpoint: '11.0.0.2:51820' as Endpoint };
    const entries: Entry[] = [
      HQ,
      branch,
      PLANT,
      local('10.1.0.0/16'),
      route('11.0.0.0/8', 'plant'),
    ];
    expect(wish(entries).held[0]?.reason).toContain('endpoint of branch/branch-gw');
    const settings = { ...SETTINGS, controlPlaneAddresses: [address('11.9.9.9')] };
    const held = desire({
      configuration: configuration([HQ, PLANT, route('11.0.0.0/8', 'plant')]),
      local: settings,
      observed: BARE_HOST,
    }).held;
    expect(held[0]?.reason).toContain('the control plane');
  });
});

function wish(entries: readonly Entry[] = ENTRIES, observed: Observed = BARE_HOST) {
  return desire({ configuration: configuration(entries), local: SETTINGS, observed });
}

function sourceOf(text: string, observed: Observed = BARE_HOST) {
  const found = wish(ENTRIES, observed).desired.routes.find((r) => r.prefix === text);
  return found?.kind === 'device' ? found.source : undefined;
}
