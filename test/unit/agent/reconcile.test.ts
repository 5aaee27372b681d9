import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { desire, SYSCTL_INTEREST } from '../../../agent/desire.ts';
import { applyAll, reconcile } from '../../../agent/reconcile.ts';
import type { Operation } from '../../../agent/state.ts';
import type { Entry } from '../../../protocol/configuration.ts';
import type { Endpoint } from '../../../protocol/endpoint.ts';
import { address, prefix } from '../../../protocol/net.ts';
import { FakeKernel } from '../../fakes/kernel.ts';
import {
  BRANCH,
  BRANCH_KEY,
  configuration,
  ENTRIES,
  HQ,
  HQ_KEY,
  local,
  PLANT,
  PLANT_KEY,
  route,
  SETTINGS,
} from './world.ts';

const NAMES = new Map([
  [HQ_KEY, 'hq-gw'],
  [BRANCH_KEY, 'branch-gw'],
  [PLANT_KEY, 'plant-gw'],
]);

describe('reconcile()', () => {
  test('brings a bare gateway to what is desired', async () => {
    const kernel = gateway();
    const outcome = await pass(kernel, ENTRIES);
    expect(outcome).toMatchObject({ isApplied: true, failures: [], left: [], held: [] });
    expect(kernel.lines((key) => NAMES.get(key) ?? key)).toMatchInlineSnapshot(`
      [
        "link culvert0 UP mtu 1420 tun alias culvert:net_00000000000000000000",
        "link lan0 UP mtu 1500",
        "link wan0 UP mtu 1500",
        "address 10.1.0.1/24 dev lan0",
        "address 100.96.0.1/32 dev culvert0",
        "address 198.51.100.1/24 dev wan0",
        "address fd00:1::1/64 dev lan0",
        "address fd96::1/128 dev culvert0",
        "route 10.2.0.0/16 dev culvert0 proto 121 metric 121 src 10.1.0.1",
        "route unreachable 10.2.0.0/16 proto 121 metric 4000000000",
        "route 10.3.0.0/16 dev culvert0 proto 121 metric 121 src 10.1.0.1",
        "route unreachable 10.3.0.0/16 proto 121 metric 4000000000",
        "route 10.7.0.0/16 dev wan0 proto 4 metric 0",
        "route 100.96.0.0/16 dev culvert0 proto 121 metric 121 src 10.1.0.1",
        "route unreachable 100.96.0.0/16 proto 121 metric 4000000000",
        "route fd00:2::/48 dev culvert0 proto 121 metric 121 src fd00:1::1",
        "route unreachable fd00:2::/48 proto 121 metric 4000000000",
        "route fd00:3::/48 dev culvert0 proto 121 metric 121 src fd00:1::1",
        "route unreachable fd00:3::/48 proto 121 metric 4000000000",
        "route fd96::/64 dev culvert0 proto 121 metric 121 src fd00:1::1",
        "route unreachable fd96::/64 proto 121 metric 4000000000",
        "wireguard culvert0 public key hq-gw listening port 51820",
        "wireguard culvert0 peer branch-gw endpoint 198.51.100.2:51820 allowed ips 10.2.0.0/16, 100.96.0.2/32, fd00:2::/48, fd96::2/128 keepalive 25",
        "wireguard culvert0 peer plant-gw allowed ips 10.3.0.0/16, 100.96.0.3/32, fd00:3::/48, fd96::3/128 keepalive 25",
        "nft inet culvert",
        "nft inet culvert forward oifname "culvert0" tcp flags syn tcp option maxseg size set rt mtu",
        "nft inet culvert forward iifname "culvert0" meta nfproto ipv4 tcp flags syn tcp option maxseg size set 1380",
        "nft inet culvert forward iifname "culvert0" meta nfproto ipv6 tcp flags syn tcp option maxseg size set 1360",
        "sysctl net/ipv4/conf/culvert0/forwarding = 1",
        "sysctl net/ipv4/conf/lan0/forwarding = 1",
        "sysctl net/ipv6/conf/all/forwarding = 1",
        "sysctl net/ipv6/conf/culvert0/forwarding = 1",
        "sysctl net/ipv6/conf/default/forwarding = 1",
        "sysctl net/ipv6/conf/lan0/accept_ra = 2",
        "sysctl net/ipv6/conf/lan0/forwarding = 1",
        "sysctl net/ipv6/conf/lo/forwarding = 1",
        "sysctl net/ipv6/conf/wan0/accept_ra = 2",
        "sysctl net/ipv6/conf/wan0/forwarding = 1",
      ]
    `);
  });

  test('does nothing when the kernel agrees', async () => {
    const kernel = gateway();
    await pass(kernel, ENTRIES);
    expect((await pass(kernel, ENTRIES)).done).toEqual([]);
  });

  test('touches nothing while there is no configuration', async () => {
    const kernel = gateway();
    await pass(kernel, ENTRIES);
    const before = kernel.toString();
    const outcome = await reconcile({ kernel, sysctls: SYSCTL_INTEREST, wish: () => undefined });
    expect(outcome).toMatchObject({ isApplied: false, done: [] });
    expect(kernel.toString()).toBe(before);
  });

  test('puts the backstop before the route, and the allowed IPs before both are used', async () => {
    const kernel = gateway();
    const { done } = await pass(kernel, ENTRIES);
    const at = (matches: (operation: Operation) => boolean) => done.findIndex(matches);
    const branch = prefix('10.2.0.0/16');
    const backstop = at((o) => o.kind === 'replace-route' && o.route.kind === 'unreachable');
    const peer = at((o) => o.kind === 'set-peer' && o.peer.allowedIps.includes(branch));
    const way = at((o) => o.kind === 'replace-route' && o.route.kind === 'device');
    expect(backstop).toBeGreaterThanOrEqual(0);
    expect(peer).toBeGreaterThan(backstop);
    expect(way).toBeGreaterThan(peer);
  });

  test('ends in the same state from any start, and never asks for what is not its own', async () => {
    await fc.assert(
      fc.asyncProperty(entriesArbitrary(), entriesArbitrary(), drifts(), async (was, is, drift) => {
        const kernel = gateway();
        await pass(kernel, was);
        for (const hit of drift) hit(kernel);
        const outcome = await pass(kernel, is);
        const fresh = gateway();
        await pass(fresh, is);
        expect(outcome.left).toEqual([]);
        expect(endpointless(kernel)).toEqual(endpointless(fresh));
        expect(kernel.lines()).toContain('route 10.7.0.0/16 dev wan0 proto 4 metric 0');
      }),
      { numRuns: 300 },
    );
  });

  test('converges after any one operation failed, and reports only what depended on it', async () => {
    const clean = gateway();
    const { done } = await pass(clean, ENTRIES);
    for (const victim of done) {
      const kernel = gateway();
      kernel.failNext((operation) => isSame(operation, victim), 'EBUSY');
      const first = await pass(kernel, ENTRIES);
      expect(first.failures[0], explainKind(victim)).toEqual({
        operation: victim,
        reason: 'EBUSY',
      });
      const dependent = first.failures.slice(1).map((failure) => failure.reason);
      expect(dependent.every((reason) => reason.includes('which failed'))).toBe(true);
      const second = await pass(kernel, ENTRIES);
      expect(second.left, explainKind(victim)).toEqual([]);
      expect(kernel.lines().filter(isNotInherited)).toEqual(clean.lines().filter(isNotInherited));
    }
    expect(done.length).toBeGreaterThan(15);
  });

  test('plans nothing from a kernel that cannot be read', async () => {
    const kernel = gateway();
    kernel.failNext('observe', 'ENOBUFS');
    await expect(pass(kernel, ENTRIES)).rejects.toThrow('ENOBUFS');
    expect(kernel.applied).toEqual([]);
  });
});

describe('applyAll()', () => {
  test('does not try what needs something that failed, and tries the rest', async () => {
    const kernel = gateway();
    kernel.failNext('create-link', 'EPERM');
    const { operations } = await planFor(kernel);
    const failures = await applyAll(kernel, operations);
    const reasons = new Set(failures.map((failure) => failure.reason));
    expect(reasons).toContain('EPERM');
    expect(reasons).toContain('needs link culvert0, which failed');
    // Backstops stand all the same: nothing goes in clear while the tunnel cannot be made.
    expect(kernel.lines().filter((line) => line.includes('unreachable'))).toHaveLength(6);
    expect(kernel.lines().some((line) => line.includes('dev culvert0'))).toBe(false);
  });
});

/** hq's gateway, with somebody else's route and address on it. */
function gateway(): FakeKernel {
  return new FakeKernel({
    wireGuard: 'userspace',
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
      { kind: 'device', prefix: prefix('10.7.0.0/16'), link: 'wan0', protocol: 4, metric: 0 },
    ],
  });
}

function pass(kernel: FakeKernel, entries: readonly Entry[]) {
  return reconcile({
    kernel,
    sysctls: SYSCTL_INTEREST,
    wish: (observed) =>
      desire({ configuration: configuration(entries), local: SETTINGS, observed }),
  });
}

async function planFor(kernel: FakeKernel) {
  const { plan } = await import('../../../agent/plan.ts');
  const observed = await kernel.observe({ sysctls: SYSCTL_INTEREST });
  const { desired } = desire({ configuration: configuration(), local: SETTINGS, observed });
  return plan(desired, observed);
}

/** The three sites with any share of eight prefixes, addresses, MTU and endpoints. */
function entriesArbitrary(): fc.Arbitrary<Entry[]> {
  const owners = fc.array(fc.constantFrom('branch', 'plant', undefined), {
    minLength: 8,
    maxLength: 8,
  });
  return fc
    .record({
      owners,
      mtuBytes: fc.constantFrom(1280, 1420),
      offset: fc.constantFrom(1, 9),
      hasPlant: fc.boolean(),
      endpoint: fc.constantFrom(undefined, '198.51.100.2:51820', '198.51.100.9:4000'),
      keepaliveSeconds: fc.constantFrom(0, 25),
    })
    .map(({ owners, mtuBytes, offset, hasPlant, endpoint, keepaliveSeconds }) => {
      const { endpoint: _, ...branch } = { ...BRANCH, keepaliveSeconds };
      const sites = hasPlant ? ['branch', 'plant'] : ['branch'];
      return [
        { ...HQ, mtuBytes, addresses: [address(`100.96.0.${offset + 100}`)] },
        { ...branch, ...(endpoint === undefined ? {} : { endpoint: endpoint as Endpoint }) },
        ...(hasPlant ? [PLANT] : []),
        local('10.1.0.0/16'),
        ...owners.flatMap((site, index) =>
          site !== undefined && sites.includes(site)
            ? [route(`10.${20 + index}.0.0/16`, site)]
            : [],
        ),
      ];
    });
}

/** What others do to a host between two passes. */
function drifts(): fc.Arbitrary<((kernel: FakeKernel) => void)[]> {
  const attempt = (hit: (kernel: FakeKernel) => void) => (kernel: FakeKernel) => {
    if (kernel.lines().some((line) => line.startsWith('link culvert0'))) hit(kernel);
  };
  return fc.subarray([
    attempt((kernel) => kernel.deleteRoute(prefix('10.21.0.0/16'))),
    attempt((kernel) => kernel.deleteAddress(address('100.96.0.101'))),
    attempt((kernel) => kernel.setLinkDown('culvert0')),
    attempt((kernel) => kernel.deleteFirewall()),
    attempt((kernel) => kernel.insertFirewallRule('counter drop')),
    attempt((kernel) => kernel.writeSysctl('net/ipv4/conf/culvert0/forwarding', '0')),
    attempt((kernel) => kernel.die('culvert0')),
    attempt((kernel) => kernel.deleteLink('culvert0')),
  ]);
}

/** wg(8) cannot clear an endpoint, so a former one may remain; all else is compared. */
function endpointless(kernel: FakeKernel): string[] {
  return kernel.lines().map((line) => line.replace(/ endpoint \S+/, ''));
}

/** A link made after forwarding was switched on has it from the start; one made before, later. */
function isNotInherited(line: string): boolean {
  return !line.startsWith('sysctl net/ipv6/conf/culvert0/forwarding');
}

function isSame(a: Operation, b: Operation): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function explainKind(operation: Operation): string {
  return JSON.stringify(operation);
}
