import { describe, expect, test } from 'vitest';
import { desire, SYSCTL_INTEREST } from '../../../agent/desire.ts';
import { diagnose, diagnoseLacking, formatFindings } from '../../../agent/doctor.ts';
import type { Facts, Finding, ReturnProbe } from '../../../agent/finding.ts';
import { parseRuleset } from '../../../agent/forward-filter.ts';
import { reconcile } from '../../../agent/reconcile.ts';
import type { Observed, ObservedRoute } from '../../../agent/state.ts';
import type { AgentStatus } from '../../../agent/status.ts';
import { address, prefix } from '../../../protocol/net.ts';
import { FakeKernel } from '../../fakes/kernel.ts';
import { configuration, ENTRIES, route, SETTINGS } from './world.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const DAY = 24 * 60 * 60 * 1000;

const STATUS: AgentStatus = {
  version: '0.1.0',
  connector: 'hq-gw',
  site: 'hq',
  network: 'acme',
  controlPlane: { isConnected: true, sinceSeconds: 60, reason: null, urls: [] },
  configuration: { epoch: 'e1', revision: 7 },
  refused: null,
  isApplied: true,
  pending: [],
  wireGuard: 'kernel',
  interfaces: [{ name: 'culvert0', listenPort: 51820 }],
  peers: [],
  routes: [],
};

/** The two peers have answered just now. */
const OBSERVED: Observed = await observedOf(gateway());

const HEALTHY: Facts = {
  status: STATUS,
  configuration: configuration(),
  local: SETTINGS,
  observed: OBSERVED,
  ruleset: parseRuleset('{"nftables": []}'),
  gateways: [{ address: address('198.51.100.254'), link: 'wan0' }],
  returnProbes: [],
  certificate: { from: NOW - DAY, until: NOW + DAY },
  nowMilliseconds: NOW,
  linksWithoutOffload: [],
  stateDirectory: { path: '/var/lib/culvert/agent', mode: 0o700, freeBytes: 10 ** 9 },
};

describe('diagnose()', () => {
  test('finds nothing wrong with a healthy gateway', () => {
    expect(wrong(HEALTHY)).toEqual([]);
  });

  test.each<[string, Partial<Facts>, Partial<Finding>]>([
    [
      'keys that others may read',
      { stateDirectory: { ...HEALTHY.stateDirectory, mode: 0o755 } },
      { id: 'state-directory', remedy: ['chmod 700 /var/lib/culvert/agent'] },
    ],
    [
      'a full disk',
      { stateDirectory: { ...HEALTHY.stateDirectory, freeBytes: 1000 } },
      { id: 'state-directory', evidence: 'mode 700, 0 MiB free' },
    ],
    ['a clock that is behind', { nowMilliseconds: 0 }, { finding: 'the clock is behind' }],
    ['a clock that is ahead', { nowMilliseconds: NOW + 2 * DAY }, { id: 'clock', state: 'fail' }],
    ['an agent that does not run', { status: undefined }, { id: 'agent', state: 'fail' }],
    [
      'a control plane that is away, as a warning',
      {
        status: { ...STATUS, controlPlane: { ...STATUS.controlPlane, isConnected: false } },
      },
      { id: 'control-plane', state: 'warn' },
    ],
    [
      'an old wireguard-go',
      { linksWithoutOffload: ['culvert0'] },
      { id: 'offload', state: 'warn' },
    ],
  ])('names %s', (_, change, finding) => {
    expect(wrong({ ...HEALTHY, ...change })).toEqual([expect.objectContaining(finding)]);
  });

  test('names forwarding that is off, with the setting', () => {
    const off = withSysctl('net/ipv4/conf/lan0/forwarding', '0');
    expect(wrong(off)).toMatchObject([
      { id: 'forwarding', remedy: ['sysctl -w net/ipv4/conf/lan0/forwarding=1'] },
    ]);
  });

  test('names what the local guard holds, with its reason', async () => {
    const looping = [...ENTRIES, route('198.51.100.0/24', 'plant')];
    const kernel = gateway();
    const observed = await observedOf(kernel, looping);
    const held = { ...HEALTHY, configuration: configuration(looping), observed };
    expect(wrong(held)).toMatchObject([{ id: 'held', state: 'fail' }]);
  });

  test('names what the kernel does not hold', () => {
    const routes = OBSERVED.routes.filter((one) => one.prefix !== '10.3.0.0/16');
    const ids = wrong({ ...HEALTHY, observed: { ...OBSERVED, routes } }).map(({ id }) => id);
    expect(new Set(ids)).toEqual(new Set(['not-applied']));
  });

  test.each([
    ['the same prefix, before ours', '10.2.0.0/16', 5, 'fail'],
    ['a part of ours', '10.2.7.0/24', 5000, 'fail'],
    ['the same prefix, behind ours', '10.2.0.0/16', 500, undefined],
    ['a wider one', '10.0.0.0/8', 0, undefined],
  ])('judges a foreign route to %s', (_, text, metric, state) => {
    const foreign: ObservedRoute = {
      prefix: prefix(text),
      kind: 'gateway',
      protocol: 3,
      metric,
      link: 'wan0',
    };
    const routes = [...OBSERVED.routes, foreign];
    const found = wrong({ ...HEALTHY, observed: { ...OBSERVED, routes } });
    expect(found.filter(({ id }) => id === 'foreign-route').map((one) => one.state)).toEqual(
      state === undefined ? [] : [state],
    );
    for (const { remedy } of found.filter(({ id }) => id === 'foreign-route')) {
      expect(remedy).toEqual([`ip route delete ${text} dev wan0 proto 3 metric ${metric}`]);
    }
  });

  test('names a strict reverse path filter only where the way back is another', () => {
    const strict = withSysctl('net/ipv4/conf/all/rp_filter', '1');
    expect(wrong(strict)).toEqual([]);
    const foreign: ObservedRoute = {
      prefix: prefix('10.2.0.0/16'),
      kind: 'gateway',
      protocol: 3,
      metric: 5,
      link: 'wan0',
    };
    const { observed } = strict;
    const routes = [...observed.routes, foreign];
    const found = wrong({ ...strict, observed: { ...observed, routes } });
    expect(found.map(({ id }) => id)).toEqual(['foreign-route', 'rp-filter']);
    expect(found[1]?.remedy).toEqual(['sysctl -w net/ipv4/conf/culvert0/rp_filter=2']);
  });

  test.each([
    ['docker', 'DOCKER-USER', 'nft insert rule ip filter DOCKER-USER iifname culvert0 accept'],
    ['ufw', 'ufw-user-forward', 'ufw route allow in on culvert0'],
    ['nobody known', 'other', 'nft insert rule ip filter FORWARD iifname culvert0 accept'],
  ])('mends a chain of %s in the place meant for it', (_, chain, remedy) => {
    const found = wrong({ ...HEALTHY, ruleset: dropping('filter', chain) });
    expect(found).toMatchObject([{ id: 'firewall', state: 'fail', evidence: 'policy drop' }]);
    expect(found[0]?.remedy).toContain(remedy);
  });

  test('writes names of others so that a shell does not obey them', () => {
    const found = wrong({ ...HEALTHY, ruleset: dropping("$(id)'", 'other') });
    expect(found[0]?.remedy?.[0]).toBe(
      "nft insert rule ip '$(id)'\\''' FORWARD iifname culvert0 accept",
    );
  });

  test('mends firewalld by a policy', () => {
    const found = wrong({ ...HEALTHY, ruleset: dropping('firewalld', 'filter_FWD') });
    expect(found[0]?.remedy?.[0]).toBe(
      'firewall-cmd --permanent --zone=trusted --add-interface=culvert0',
    );
  });

  test('fails a silent peer that has an endpoint, and warns of one that must speak first', () => {
    const found = wrong({ ...HEALTHY, observed: withAges(OBSERVED, undefined) });
    expect(found).toMatchObject([
      { id: 'peer', state: 'fail', finding: expect.stringContaining('branch/branch-gw') },
      { id: 'peer', state: 'warn', finding: expect.stringContaining('plant/plant-gw') },
    ]);
    expect(wrong({ ...HEALTHY, observed: withAges(OBSERVED, 180) })).toHaveLength(2);
    expect(wrong({ ...HEALTHY, observed: withAges(OBSERVED, 179) })).toEqual([]);
  });

  test('warns of a tunnel that does not fit below, by the family of the endpoint', () => {
    const narrow = (mtuBytes: number) => ({
      ...HEALTHY,
      observed: {
        ...OBSERVED,
        links: OBSERVED.links.map((link) => (link.name === 'wan0' ? { ...link, mtuBytes } : link)),
      },
    });
    expect(wrong(narrow(1480))).toEqual([]);
    expect(wrong(narrow(1479))).toMatchObject([
      { id: 'mtu', state: 'warn', evidence: 'MTU of culvert0 1420, room for 1419' },
    ]);
  });

  test('says of the return route what the probe proves, and no more', () => {
    const probe: ReturnProbe = {
      gateway: { address: address('10.1.0.254'), link: 'lan0' },
      via: address('10.1.0.1'),
      answersUs: true,
      prefixes: [
        { prefix: prefix('10.2.0.0/16'), cameBack: true },
        { prefix: prefix('10.3.0.0/16'), cameBack: false },
      ],
    };
    const [finding] = wrong({ ...HEALTHY, returnProbes: [probe] });
    expect(finding).toMatchObject({
      id: 'return-route',
      state: 'fail',
      finding: '10.1.0.254 does not route 10.3.0.0/16 to 10.1.0.1',
    });
    expect(finding?.remedy).toContain('ip route replace 10.3.0.0/16 via 10.1.0.1');
    expect(finding?.remedy).not.toContain('ip route replace 10.2.0.0/16 via 10.1.0.1');
    expect(wrong({ ...HEALTHY, returnProbes: [{ ...probe, answersUs: false }] })).toMatchObject([
      { id: 'return-route', state: 'warn' },
    ]);
  });
});

describe('diagnoseLacking()', () => {
  test('fails for each thing that is missing', () => {
    expect(diagnoseLacking(['Cannot find "wg"'])).toMatchObject([
      { id: 'precondition', state: 'fail', finding: 'Cannot find "wg"' },
    ]);
  });
});

describe('formatFindings()', () => {
  test('writes one line a finding and its remedy below', () => {
    const off = withSysctl('net/ipv4/conf/lan0/forwarding', '0');
    expect(formatFindings(wrong(off)).split('\n')).toEqual([
      'fail  forwarding: packets are not forwarded: a kernel setting is not as needed ' +
        '(net/ipv4/conf/lan0/forwarding is 0)',
      '        sysctl -w net/ipv4/conf/lan0/forwarding=1',
    ]);
  });
});

function wrong(facts: Facts): Finding[] {
  return diagnose(facts).filter(({ state }) => state !== 'ok');
}

/** hq's gateway; its peers' endpoints lie behind the default route. */
function gateway(): FakeKernel {
  return new FakeKernel({
    links: [
      { name: 'lan0', mtuBytes: 1500, isUp: true },
      { name: 'wan0', mtuBytes: 1500, isUp: true },
    ],
    addresses: [
      { link: 'lan0', address: address('10.1.0.1'), length: 24 },
      { link: 'lan0', address: address('fd00:1::1'), length: 64 },
      { link: 'wan0', address: address('198.51.100.1'), length: 24 },
    ],
    routes: [
      { prefix: prefix('0.0.0.0/0'), kind: 'gateway', protocol: 3, metric: 0, link: 'wan0' },
    ],
  });
}

async function observedOf(kernel: FakeKernel, entries = ENTRIES): Promise<Observed> {
  const wanted = configuration(entries);
  const { observed } = await reconcile({
    kernel,
    sysctls: SYSCTL_INTEREST,
    wish: (look) => desire({ configuration: wanted, local: SETTINGS, observed: look }),
  });
  return withAges(observed, 12);
}

function withAges(observed: Observed, handshakeAgeSeconds: number | undefined): Observed {
  const devices = observed.devices.map((device) => ({
    ...device,
    peers: device.peers.map((peer) => ({ ...peer, handshakeAgeSeconds })),
  }));
  return { ...observed, devices };
}

function withSysctl(key: string, value: string): Facts {
  const sysctls = new Map([...OBSERVED.sysctls, [key, value]]);
  return { ...HEALTHY, observed: { ...OBSERVED, sysctls } };
}

function dropping(table: string, other: string) {
  const base = { family: 'ip', table, name: 'FORWARD', hook: 'forward', policy: 'drop' };
  const chains = [base, { family: 'ip', table, name: other }];
  return parseRuleset(JSON.stringify({ nftables: chains.map((chain) => ({ chain })) }));
}
