import { beforeEach, describe, expect, test } from 'vitest';
import type {
  DesiredPeer,
  DesiredRoute,
  FirewallRule,
  ObservedRoute,
  Operation,
} from '../../../agent/state.ts';
import type { Endpoint } from '../../../protocol/endpoint.ts';
import type { PublicKey } from '../../../protocol/keys.ts';
import { address, prefix } from '../../../protocol/net.ts';
import { FakeKernel } from '../../fakes/kernel.ts';

// The gateway of site `hq`: its LAN is on lan0, and its operator routes 10.9.0.0/16 himself.
const LAN = { name: 'lan0', mtuBytes: 1500, isUp: true };
const LAN_ADDRESS = { link: 'lan0', address: address('10.1.0.1'), length: 16 };
const BY_HAND: ObservedRoute = {
  prefix: prefix('10.9.0.0/16'),
  kind: 'gateway',
  protocol: 4,
  metric: 121,
  link: 'lan0',
};
const HOST = { links: [LAN], addresses: [LAN_ADDRESS], routes: [BY_HAND] };

const KEY = 'h'.repeat(42).concat('A=') as PublicKey;
const BRANCH = 'b'.repeat(42).concat('A=') as PublicKey;
const PLANT = 'p'.repeat(42).concat('A=') as PublicKey;
const TOLD = '198.51.100.2:51820' as Endpoint;
const LEARNT = '203.0.113.9:40001' as Endpoint;

const OWN4 = prefix('100.96.0.1/32');
const OWN6 = prefix('fd96::1/128');
const BRANCH4 = prefix('10.2.0.0/16');
const BRANCH6 = prefix('fd02::/48');

const CREATE: Operation = {
  kind: 'create-link',
  link: 'culvert0',
  alias: 'culvert:acme',
  mtuBytes: 1420,
  implementation: 'userspace',
};
const START: Operation = { kind: 'start-device', link: 'culvert0' };
const SET_DEVICE: Operation = {
  kind: 'set-device',
  link: 'culvert0',
  publicKey: KEY,
  listenPort: 51_820,
};
const UP: Operation = { kind: 'set-link', link: 'culvert0', mtuBytes: 1400 };
const REMOVE_LINK: Operation = { kind: 'remove-link', link: 'culvert0' };

const addAddress = (of: typeof OWN4): Operation => ({
  kind: 'add-address',
  link: 'culvert0',
  address: of,
});
const removeAddress = (of: typeof OWN4): Operation => ({
  kind: 'remove-address',
  link: 'culvert0',
  address: of,
});
const setPeer = (peer: Partial<DesiredPeer> & { publicKey: PublicKey }): Operation => ({
  kind: 'set-peer',
  link: 'culvert0',
  peer: { allowedIps: [], keepaliveSeconds: 0, ...peer },
});
const routeTo = (to: typeof BRANCH4, source?: string): DesiredRoute => ({
  kind: 'device',
  prefix: to,
  link: 'culvert0',
  metric: 121,
  source: source === undefined ? undefined : address(source),
});
const replace = (route: DesiredRoute): Operation => ({ kind: 'replace-route', route });
const backstop = (to: typeof BRANCH4): DesiredRoute => ({
  kind: 'unreachable',
  prefix: to,
  metric: 4_000_000_000,
});

let kernel: FakeKernel;
beforeEach(() => {
  kernel = new FakeKernel(HOST);
});

describe('FakeKernel.apply()', () => {
  test('makes a gateway that prints as ip(8), wg(8) and nft(8) show it', async () => {
    await applied(CREATE, START, SET_DEVICE, UP, addAddress(OWN4));
    await applied(setPeer({ publicKey: BRANCH, allowedIps: [BRANCH4], endpoint: TOLD }));
    await applied(replace(backstop(BRANCH4)), replace(routeTo(BRANCH4, '10.1.0.1')));
    const rule: FirewallRule = { chain: 'forward', text: 'oifname "culvert0" accept', id: 'a1' };
    await applied({ kind: 'set-firewall', rules: [rule] });
    await applied({ kind: 'set-sysctl', key: 'net/ipv4/conf/lan0/forwarding', value: '1' });

    expect(kernel.lines((key) => ({ [KEY]: 'hq', [BRANCH]: 'branch' })[key] ?? key)).toEqual([
      'link culvert0 UP mtu 1400 tun alias culvert:acme',
      'link lan0 UP mtu 1500',
      'address 10.1.0.1/16 dev lan0',
      'address 100.96.0.1/32 dev culvert0',
      'route 10.2.0.0/16 dev culvert0 proto 121 metric 121 src 10.1.0.1',
      'route unreachable 10.2.0.0/16 proto 121 metric 4000000000',
      'route gateway 10.9.0.0/16 dev lan0 proto 4 metric 121',
      'wireguard culvert0 public key hq listening port 51820',
      'wireguard culvert0 peer branch endpoint 198.51.100.2:51820 allowed ips 10.2.0.0/16',
      'nft inet culvert',
      'nft inet culvert forward oifname "culvert0" accept',
      'sysctl net/ipv4/conf/lan0/forwarding = 1',
    ]);
  });

  test('leaves the host as it was when all is removed again', async () => {
    const before = kernel.lines();
    await applied(CREATE, START, UP, addAddress(OWN6), replace(routeTo(BRANCH6, 'fd96::1')));
    await applied(replace(backstop(BRANCH6)), { kind: 'set-firewall', rules: [] });
    await applied({ kind: 'remove-route', route: backstop(BRANCH6) }, REMOVE_LINK);
    await applied({ kind: 'remove-firewall' });
    expect(kernel.lines()).toEqual(before);
  });

  test('changes nothing the second time', async () => {
    const all = [CREATE, START, SET_DEVICE, UP, addAddress(OWN4), replace(routeTo(BRANCH4))];
    await applied(...all);
    const once = kernel.lines();
    await applied(...all);
    expect(kernel.lines()).toEqual(once);
  });

  test('takes a prefix from every peer of the device when another is given it', async () => {
    await applied(CREATE, START);
    await applied(setPeer({ publicKey: BRANCH, allowedIps: [BRANCH4, BRANCH6] }));
    await applied(setPeer({ publicKey: PLANT, allowedIps: [BRANCH4] }));
    const peers = (await device())?.peers.map((peer) => [peer.publicKey, peer.allowedIps]);
    expect(peers).toEqual([
      [BRANCH, [BRANCH6]],
      [PLANT, [BRANCH4]],
    ]);
  });

  test('keeps an endpoint that is not named, and the session', async () => {
    await applied(CREATE, START, setPeer({ publicKey: BRANCH, endpoint: TOLD }));
    kernel.hear('culvert0', BRANCH, { endpoint: LEARNT, ageSeconds: 3 });
    await applied(setPeer({ publicKey: BRANCH, keepaliveSeconds: 25 }));
    expect((await device())?.peers).toEqual([
      expect.objectContaining({
        endpoint: LEARNT,
        handshakeAgeSeconds: 3,
        keepaliveSeconds: 25,
      }),
    ]);
  });

  test.each([
    ['a device on a link without a process', SET_DEVICE, 'no WireGuard answers'],
    ['a peer on a link without a process', setPeer({ publicKey: BRANCH }), 'no WireGuard answers'],
    ['a route through a link that is down', replace(routeTo(BRANCH4)), 'ENETDOWN'],
    ['an address on a link that is not there', addressOn('other'), 'ENODEV'],
    ['a link under a name that is taken', { ...CREATE, link: 'lan0' }, 'another program'],
    ['a link of another program', { ...REMOVE_LINK, link: 'lan0' }, 'another program'],
    ["the kernel's WireGuard where there is none", kernelLink('culvert1'), 'no WireGuard'],
    ['a sysctl that is not there', sysctl('net/ipv4/conf/none/forwarding'), 'does not have it'],
  ] satisfies [string, Operation, string][])('refuses %s', async (_, operation, reason) => {
    await applied(CREATE);
    const before = kernel.lines();
    const failures = await kernel.apply([operation]);
    expect(failures).toEqual([{ operation, reason: expect.stringContaining(reason) }]);
    expect(kernel.lines()).toEqual(before);
  });

  test('refuses a route whose source is no address of the host', async () => {
    await applied(CREATE, UP);
    const [failure] = await kernel.apply([replace(routeTo(BRANCH4, '100.96.0.1'))]);
    expect(failure?.reason).toContain('EINVAL');
  });

  test('drops IPv4 routes whose source goes, and takes the source off IPv6 ones', async () => {
    await applied(CREATE, UP, addAddress(OWN4), addAddress(OWN6));
    await applied(replace(routeTo(BRANCH4, '100.96.0.1')), replace(routeTo(BRANCH6, 'fd96::1')));
    await applied(removeAddress(OWN4), removeAddress(OWN6));
    expect(routesThrough('culvert0')).toEqual([
      'route fd02::/48 dev culvert0 proto 121 metric 121',
    ]);
  });

  test('removes a route of ours and no other under the same prefix and metric', async () => {
    const route = { ...routeTo(BY_HAND.prefix), metric: BY_HAND.metric };
    await applied({ kind: 'remove-route', route });
    expect(kernel.toString()).toContain('route gateway 10.9.0.0/16');
  });

  test("throws at a plan that would replace another program's route", async () => {
    await applied(CREATE, UP);
    await expect(kernel.apply([replace(routeTo(BY_HAND.prefix))])).rejects.toThrow(RangeError);
  });

  test('throws when operations are of several kinds', async () => {
    await expect(kernel.apply([CREATE, START])).rejects.toThrow('several kinds');
  });
});

describe('FakeKernel.observe()', () => {
  test('shows a link whose process died without its device', async () => {
    await applied(CREATE, START, UP, replace(routeTo(BRANCH4)));
    kernel.die('culvert0');
    expect(await device()).toBeUndefined();
    expect(routesThrough('culvert0')).toHaveLength(1);
    expect(kernel.toString()).toContain('link culvert0 UP');
  });

  test('shows the routes that the kernel makes of addresses', async () => {
    const { routes } = await kernel.observe({ sysctls: [] });
    expect(routes).toContainEqual({
      prefix: '10.1.0.0/16',
      kind: 'device',
      protocol: 2,
      metric: 0,
      link: 'lan0',
      source: '10.1.0.1',
    });
  });

  test('shows the sysctls asked for, "*" standing for every link', async () => {
    await applied(CREATE);
    await applied({ kind: 'set-sysctl', key: 'net/ipv6/conf/all/forwarding', value: '1' });
    const { sysctls } = await kernel.observe({
      sysctls: ['net/ipv6/conf/*/forwarding', 'net/none'],
    });
    const names = ['all', 'default', 'lo', 'lan0', 'culvert0'];
    expect(new Map(sysctls)).toEqual(
      new Map(names.map((name) => [`net/ipv6/conf/${name}/forwarding`, '1'])),
    );
  });

  test('shows rules of others in our table as "?"', async () => {
    kernel.insertFirewallRule('drop');
    expect((await kernel.observe({ sysctls: [] })).firewall).toEqual(['?']);
    kernel.deleteFirewall();
    expect((await kernel.observe({ sysctls: [] })).firewall).toBeUndefined();
  });
});

describe('FakeKernel.failNext()', () => {
  test('fails what matches as often as said, and nothing else', async () => {
    kernel.failNext('create-link', 'no memory', 2);
    expect(await kernel.apply([CREATE])).toEqual([{ operation: CREATE, reason: 'no memory' }]);
    await applied({ kind: 'set-firewall', rules: [] });
    expect(await kernel.apply([CREATE])).toHaveLength(1);
    await applied(CREATE);
  });

  test('takes a predicate, and fails a look as well', async () => {
    kernel.failNext((operation) => operation.kind === 'set-link', 'busy');
    kernel.failNext('observe', 'interrupted');
    await expect(kernel.observe({ sysctls: [] })).rejects.toThrow('interrupted');
    await applied(CREATE);
    expect(await kernel.apply([UP])).toEqual([{ operation: UP, reason: 'busy' }]);
  });
});

describe('what others do to a FakeKernel', () => {
  test('a link set down loses its routes and IPv6 addresses', async () => {
    await applied(CREATE, UP, addAddress(OWN4), addAddress(OWN6), replace(routeTo(BRANCH4)));
    await applied(replace(backstop(BRANCH4)));
    kernel.setLinkDown('culvert0');
    expect(kernel.lines()).toContain('address 100.96.0.1/32 dev culvert0');
    expect(kernel.toString()).not.toContain('fd96::1');
    expect(routesThrough('culvert0')).toEqual([]);
    expect(kernel.toString()).toContain('route unreachable 10.2.0.0/16');
  });

  test('a link deleted takes its device, addresses, routes and sysctls along', async () => {
    await applied(CREATE, START, UP, addAddress(OWN4), replace(routeTo(BRANCH4)));
    kernel.deleteLink('culvert0');
    expect(kernel.toString()).not.toContain('culvert0');
    const { sysctls } = await kernel.observe({ sysctls: ['net/ipv4/conf/*/forwarding'] });
    expect([...sysctls.keys()].filter((key) => key.includes('culvert0'))).toEqual([]);
  });

  test('every change calls onChange', async () => {
    let changes = 0;
    kernel.onChange = () => changes++;
    await applied(CREATE);
    kernel.deleteRoute(BY_HAND.prefix);
    kernel.putRoute(BY_HAND);
    kernel.deleteAddress(LAN_ADDRESS.address);
    kernel.writeSysctl('net/ipv4/conf/lo/forwarding', '1');
    expect(changes).toBe(5);
  });
});

/** Applies one by one, because a batch is of one kind, and expects every one to succeed. */
async function applied(...operations: readonly Operation[]): Promise<void> {
  for (const operation of operations) expect(await kernel.apply([operation])).toEqual([]);
}

async function device() {
  return (await kernel.observe({ sysctls: [] })).devices.find(({ link }) => link === 'culvert0');
}

function routesThrough(link: string): string[] {
  return kernel.lines().filter((line) => line.startsWith('route') && line.includes(`dev ${link}`));
}

function addressOn(link: string): Operation {
  return { kind: 'add-address', link, address: OWN4 };
}

function kernelLink(link: string): Operation {
  return { ...CREATE, link, implementation: 'kernel' } as Operation;
}

function sysctl(key: string): Operation {
  return { kind: 'set-sysctl', key, value: '1' };
}
