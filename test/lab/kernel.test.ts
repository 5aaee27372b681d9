import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DesiredPeer, DesiredRoute, Operation } from '../../agent/state.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { address, prefix } from '../../protocol/net.ts';
import { KernelHost } from './kernel-host.ts';
import {
  ALIAS,
  addAddress,
  BACKSTOP,
  BRANCH4,
  BRANCH6,
  CLAMP,
  CREATE,
  ENDPOINT6,
  LINK,
  OWN4,
  OWN6,
  onlyDefined,
  peer,
  REMOVE,
  removePeer,
  replace,
  SOURCED,
  START,
  setDevice,
  setFirewall,
  setPeer,
  sysctl,
  UP,
} from './kernel-world.ts';

// Each operation on a real kernel; what it did is read back by ip(8), wg(8) and nft(8).
let host: KernelHost;
beforeAll(async () => {
  host = await KernelHost.create('kernel');
});
beforeEach(() => host.clear());
afterAll(() => host?.[Symbol.asyncDispose]());

describe('the real kernel', () => {
  test('lacks nothing on a machine that the lab has made', async () => {
    expect(await host.kernel.ask({ ask: 'preconditions' })).toEqual([]);
  });

  test('knows which kinds of links there are, and makes none to find out', async () => {
    const before = await host.read('ip', '-br', 'link');
    expect(await host.kernel.ask({ ask: 'has-kind', linkKind: 'bridge' })).toBe(true);
    expect(await host.kernel.ask({ ask: 'has-kind', linkKind: 'nonsense' })).toBe(false);
    expect(await host.read('ip', '-br', 'link')).toBe(before);
  });

  test('makes a link with alias and MTU, down, and sets it up', async () => {
    await host.applied(CREATE);
    expect(await host.link()).toMatchObject({ ifalias: ALIAS, mtu: 1420, operstate: 'DOWN' });
    await host.applied(UP);
    expect(await host.link()).toMatchObject({ mtu: 1400, flags: expect.arrayContaining(['UP']) });
  });

  test('gives the device its key and port, and keeps the private key out of sight', async () => {
    await host.applied(CREATE, START, setDevice(host.own.publicKey));
    expect(await host.read('wg', 'show', LINK, 'public-key')).toBe(host.own.publicKey);
    expect(await host.read('wg', 'show', LINK, 'private-key')).toBe(host.own.privateKey);
    expect(await host.read('wg', 'show', LINK, 'listen-port')).toBe('51999');
    const { devices } = await host.observed();
    expect(JSON.stringify(devices)).not.toContain(host.own.privateKey);
    expect(devices).toEqual([
      { link: LINK, publicKey: host.own.publicKey, listenPort: 51_999, peers: [] },
    ]);
  });

  test('sets peers by difference and observes them as they were given', async () => {
    await host.applied(CREATE, START);
    const first = peer(host.branch, [BRANCH4, BRANCH6, prefix('::a00:0/104')], ENDPOINT6);
    await host.together(setPeer(first), setPeer(peer(host.plant, [])));
    expect(await observedPeers()).toEqual(byKey(first, peer(host.plant, [])));

    await host.together(
      setPeer(peer(host.plant, [BRANCH4])),
      setPeer({ ...first, allowedIps: [BRANCH6] }),
    );
    expect(await host.read('wg', 'show', LINK, 'allowed-ips')).toContain(
      `${host.plant}\t${BRANCH4}`,
    );
    expect(await host.read('wg', 'show', LINK, 'endpoints')).toContain(
      `${host.branch}\t${ENDPOINT6}`,
    );

    await host.applied(setPeer(peer(host.plant, [])));
    expect(await host.read('wg', 'show', LINK, 'allowed-ips')).toContain(`${host.plant}\t(none)`);
    await host.together(removePeer(host.plant), removePeer(host.branch), removePeer(host.branch));
    expect(await host.read('wg', 'show', LINK, 'peers')).toBe('');
  });

  test('sets the other peers when one of them cannot be set', async () => {
    await host.applied(CREATE, START);
    const good = setPeer(peer(host.branch, [BRANCH4]));
    const bad = setPeer(peer('no key' as PublicKey, []));
    const failures = await host.apply(bad, good);
    expect(failures).toEqual([{ operation: bad, reason: expect.stringContaining('wg addconf') }]);
    expect(await host.read('wg', 'show', LINK, 'peers')).toBe(host.branch);
  });

  test('adds addresses that can be a source at once, and removes them', async () => {
    await host.applied(CREATE, START, UP, addAddress(OWN4), addAddress(OWN6));
    expect(await host.read('ip', '-6', 'address', 'show', 'dev', LINK)).toContain(
      'inet6 fd96::1/128 scope global nodad',
    );
    await host.applied(replace({ ...SOURCED, prefix: BRANCH6, source: address('fd96::1') }));
    expect(await host.read('ip', '-6', 'route', 'show', BRANCH6)).toContain(
      'src fd96::1 metric 121',
    );
    const remove = [OWN4, OWN6].map((of): Operation => {
      return { kind: 'remove-address', link: LINK, address: of };
    });
    await host.together(...remove);
    await host.together(...remove);
    expect(await host.read('ip', '-br', 'address', 'show', 'dev', LINK)).not.toMatch(
      /100\.96|fd96/,
    );
  });

  test('puts routes, replaces them in place, and observes them as they were given', async () => {
    await host.applied(CREATE, START, UP, addAddress(OWN4));
    const routes: DesiredRoute[] = [
      SOURCED,
      BACKSTOP,
      { ...SOURCED, prefix: BRANCH6, source: undefined },
      { ...BACKSTOP, prefix: BRANCH6 },
    ];
    await host.together(...routes.map(replace));
    const shown = (await host.read('ip', 'route', 'show', BRANCH4)).split(/\s*\n/);
    expect(shown.sort()).toEqual([
      `${BRANCH4} dev ${LINK} proto 121 scope link src 10.1.0.1 metric 121`,
      `unreachable ${BRANCH4} proto 121 metric 4000000000`,
    ]);
    expect(await host.ourRoutes()).toEqual(routes.map(onlyDefined));

    const moved = { ...SOURCED, source: address('100.96.0.1') };
    await host.together(replace(moved), replace(BACKSTOP));
    expect(await host.ourRoutes()).toContainEqual(onlyDefined(moved));
    expect(await host.ourRoutes()).toHaveLength(routes.length);
    await host.together(...routes.map((route): Operation => ({ kind: 'remove-route', route })));
    await host.together(...routes.map((route): Operation => ({ kind: 'remove-route', route })));
    expect(await host.ourRoutes()).toEqual([]);
  });

  test('asks about the source of a route that the kernel does not accept', async () => {
    await host.applied(CREATE, START, UP);
    const operation = replace({ ...SOURCED, source: address('100.96.0.1') });
    expect(await host.apply(operation, replace(SOURCED))).toEqual([
      { operation, reason: expect.stringMatching(/EINVAL.*is 100\.96\.0\.1 still an address/) },
    ]);
    expect(await host.ourRoutes()).toEqual([onlyDefined(SOURCED)]);
  });

  test("never deletes another program's route or link", async () => {
    const foreign = { ...SOURCED, prefix: prefix('10.9.0.0/16') };
    const before = await host.read('ip', 'route');
    await host.applied({ kind: 'remove-route', route: foreign });
    expect(await host.read('ip', 'route')).toBe(before);
    for (const operation of [
      { ...REMOVE, link: 'lan0' },
      { ...CREATE, link: 'lan0' },
      { ...START, link: 'lan0' },
      { ...UP, link: 'lan0' },
    ] as Operation[]) {
      const failures = await host.apply(operation);
      expect(failures).toEqual([
        { operation, reason: expect.stringContaining('another program\'s link is called "lan0"') },
      ]);
    }
    expect(await host.read('ip', '-br', 'link', 'show', 'dev', 'lan0')).toContain('lan0');
  });

  test.each<[string, Operation, string]>([
    ['a process on no link', START, 'no such link (ENODEV)'],
    ['an address on no link', addAddress(OWN4), 'no such link (ENODEV)'],
    ['a route through no link', replace(SOURCED), 'no such link (ENODEV)'],
    ['a sysctl of no link', sysctl(`net/ipv4/conf/${LINK}/forwarding`), 'does not have it'],
    ['a sysctl outside the network', sysctl('kernel/hostname'), 'expected one like net/'],
    ['a sysctl by a detour', sysctl('net/../kernel/hostname'), 'expected one like net/'],
  ])('gives a reason for refusing %s', async (_, operation, reason) => {
    const failures = await host.apply(operation);
    expect(failures).toEqual([{ operation, reason: expect.stringContaining(reason) }]);
  });

  test('fills its table in one transaction and leaves other tables alone', async () => {
    const others = await host.read('nft', 'list', 'table', 'ip', 'operator');
    const two = { ...CLAMP, text: 'ip ttl 1 counter', id: 'fedcba9876543210' };
    await host.applied(setFirewall(CLAMP, two));
    const listing = await host.read('nft', 'list', 'table', 'inet', 'culvert');
    expect(listing).toContain('type filter hook forward priority mangle; policy accept;');
    expect(listing).toContain(`size set rt mtu comment "culvert:${CLAMP.id}"`);
    expect((await host.observed()).firewall).toEqual([CLAMP.id, two.id]);

    const broken = setFirewall({ ...CLAMP, text: 'no such match' });
    expect(await host.apply(broken)).toHaveLength(1);
    expect((await host.observed()).firewall).toEqual([CLAMP.id, two.id]);
    await host.applied({ kind: 'remove-firewall' }, { kind: 'remove-firewall' });
    expect((await host.observed()).firewall).toBeUndefined();
    expect(await host.read('nft', 'list', 'table', 'ip', 'operator')).toBe(others);
  });

  test('sees what others did to its table, and makes it anew when it cannot be kept', async () => {
    await host.applied(setFirewall(CLAMP));
    await host.hq.run(['nft', 'insert', 'rule', 'inet', 'culvert', 'forward', 'counter']);
    expect((await host.observed()).firewall).toEqual(['?', CLAMP.id]);
    await host.applied(setFirewall(CLAMP));
    expect((await host.observed()).firewall).toEqual([CLAMP.id]);

    await host.hq.run(['nft', 'chain', 'inet', 'culvert', 'forward', '{ policy drop; }']);
    expect((await host.observed()).firewall).toBeUndefined();
    await host.hq.run(['nft', 'delete', 'table', 'inet', 'culvert']);
    await host.hq.run(['nft', 'add', 'table', 'inet', 'culvert']);
    await host.hq.run(['nft', 'add', 'chain', 'inet', 'culvert', 'forward']);
    expect((await host.observed()).firewall).toBeUndefined();
    await host.applied(setFirewall(CLAMP));
    expect((await host.observed()).firewall).toEqual([CLAMP.id]);
  });

  test('reads and writes sysctls, "*" standing for every link', async () => {
    await host.applied(CREATE, sysctl(`net/ipv4/conf/${LINK}/forwarding`));
    expect(await host.read('cat', `/proc/sys/net/ipv4/conf/${LINK}/forwarding`)).toBe('1');
    const keys = ['net/ipv4/conf/*/forwarding', 'net/ipv4/none', 'net/none/*/x'];
    const { sysctls } = await host.kernel.observe({ sysctls: keys });
    const names = ['all', 'default', 'lo', 'lan0', LINK];
    expect(sysctls).toEqual(
      new Map(names.map((n) => [`net/ipv4/conf/${n}/forwarding`, n === LINK ? '1' : '0'])),
    );
  });
});

async function observedPeers() {
  const { devices } = await host.observed();
  const peers = devices[0]?.peers.map(({ receivedBytes: _, sentBytes: __, ...wanted }) => wanted);
  return byKey(...(peers ?? []));
}

function byKey(...peers: readonly DesiredPeer[]) {
  return peers
    .map((p) => onlyDefined({ ...p, allowedIps: p.allowedIps.toSorted() }))
    .sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1));
}
