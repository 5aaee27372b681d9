import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type DesiredPeer,
  type DesiredRoute,
  type Operation,
  ROUTE_PROTOCOL,
} from '../../agent/state.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { address, prefix } from '../../protocol/net.ts';
import { KernelDriver } from './kernel-driver.ts';
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
  peer,
  REMOVE,
  removePeer,
  replace,
  SOURCED,
  START,
  setFirewall,
  setPeer,
  sysctl,
  UP,
} from './kernel-world.ts';
import { Lab } from './lab.ts';
import type { Machine } from './machine.ts';
import { eventually } from './wait.ts';

// One gateway, `hq`, without a network around it. Its LAN is the bridge lan0; its operator has
// a route and a table of his own. What the adapters do is read back by ip(8), wg(8), nft(8).
let lab: Lab;
let hq: Machine;
let kernel: KernelDriver;
let own: { publicKey: PublicKey; privateKey: string };
let branch: PublicKey;
let plant: PublicKey;

beforeAll(async () => {
  lab = await Lab.create('kernel');
  hq = await lab.addMachine('hq');
  for (const command of [
    'ip link add lan0 up type bridge',
    'ip address add 10.1.0.1/16 dev lan0',
    'ip route add 10.9.0.0/16 dev lan0 metric 121 proto static',
    'nft add table ip operator',
  ]) {
    await hq.run(command.split(' '));
  }
  [own, branch, plant] = [
    await makeKey(),
    (await makeKey()).publicKey,
    (await makeKey()).publicKey,
  ];
  kernel = new KernelDriver(hq);
  await kernel.ask({ ask: 'learn-key', ...own });
});

afterAll(async () => {
  await kernel?.[Symbol.asyncDispose]();
  await lab?.destroy();
});

describe('the real kernel', () => {
  beforeEach(async () => {
    await applied(REMOVE, { kind: 'remove-firewall' });
    const { routes } = await kernel.observe({ sysctls: [] });
    const ours = routes.filter(({ protocol }) => protocol === ROUTE_PROTOCOL);
    const remove = ours.map(({ prefix, metric }): Operation => {
      return { kind: 'remove-route', route: { kind: 'unreachable', prefix, metric } };
    });
    expect(await kernel.apply(remove)).toEqual([]);
  });

  test('lacks nothing on a machine that the lab has made', async () => {
    expect(await kernel.ask({ ask: 'preconditions' })).toEqual([]);
  });

  test('knows which kinds of links there are, and makes none to find out', async () => {
    const before = await read('ip', '-br', 'link');
    expect(await kernel.ask({ ask: 'has-kind', linkKind: 'bridge' })).toBe(true);
    expect(await kernel.ask({ ask: 'has-kind', linkKind: 'nonsense' })).toBe(false);
    expect(await read('ip', '-br', 'link')).toBe(before);
  });

  test('makes a link with alias and MTU, down, and sets it up', async () => {
    await applied(CREATE);
    expect(await link()).toMatchObject({ ifalias: ALIAS, mtu: 1420, operstate: 'DOWN' });
    await applied(UP);
    expect(await link()).toMatchObject({ mtu: 1400, flags: expect.arrayContaining(['UP']) });
  });

  test('gives the device its key and port, and keeps the private key out of sight', async () => {
    await applied(CREATE, START, setDevice());
    expect(await read('wg', 'show', LINK, 'public-key')).toBe(own.publicKey);
    expect(await read('wg', 'show', LINK, 'private-key')).toBe(own.privateKey);
    expect(await read('wg', 'show', LINK, 'listen-port')).toBe('51999');
    const { devices } = await kernel.observe({ sysctls: [] });
    expect(JSON.stringify(devices)).not.toContain(own.privateKey);
    expect(devices).toEqual([
      { link: LINK, publicKey: own.publicKey, listenPort: 51_999, peers: [] },
    ]);
  });

  test('sets peers by difference and observes them as they were given', async () => {
    await applied(CREATE, START);
    const first = peer(branch, [BRANCH4, BRANCH6, prefix('::a00:0/104')], ENDPOINT6);
    await together(setPeer(first), setPeer(peer(plant, [])));
    expect(await observedPeers()).toEqual(byKey(first, peer(plant, [])));

    await together(setPeer(peer(plant, [BRANCH4])), setPeer({ ...first, allowedIps: [BRANCH6] }));
    expect(await read('wg', 'show', LINK, 'allowed-ips')).toContain(`${plant}\t${BRANCH4}`);
    expect(await read('wg', 'show', LINK, 'endpoints')).toContain(`${branch}\t${ENDPOINT6}`);

    await applied(setPeer(peer(plant, [])));
    expect(await read('wg', 'show', LINK, 'allowed-ips')).toContain(`${plant}\t(none)`);
    await together(removePeer(plant), removePeer(branch), removePeer(branch));
    expect(await read('wg', 'show', LINK, 'peers')).toBe('');
  });

  test('sets the other peers when one of them cannot be set', async () => {
    await applied(CREATE, START);
    const good = setPeer(peer(branch, [BRANCH4]));
    const bad = setPeer(peer('no key' as PublicKey, []));
    const failures = await kernel.apply([bad, good]);
    expect(failures).toEqual([{ operation: bad, reason: expect.stringContaining('wg addconf') }]);
    expect(await read('wg', 'show', LINK, 'peers')).toBe(branch);
  });

  test('adds addresses that can be a source at once, and removes them', async () => {
    await applied(CREATE, START, UP, addAddress(OWN4), addAddress(OWN6));
    await applied(replace({ ...SOURCED, prefix: BRANCH6, source: address('fd96::1') }));
    expect(await read('ip', '-6', 'route', 'show', BRANCH6)).toContain('src fd96::1 metric 121');
    const remove = [OWN4, OWN6].map((of): Operation => {
      return { kind: 'remove-address', link: LINK, address: of };
    });
    await together(...remove);
    await together(...remove);
    expect(await read('ip', '-br', 'address', 'show', 'dev', LINK)).not.toMatch(/100\.96|fd96/);
  });

  test('puts routes, replaces them in place, and observes them as they were given', async () => {
    await applied(CREATE, START, UP, addAddress(OWN4));
    const routes: DesiredRoute[] = [
      SOURCED,
      BACKSTOP,
      { ...SOURCED, prefix: BRANCH6, source: undefined },
      { ...BACKSTOP, prefix: BRANCH6 },
    ];
    await together(...routes.map(replace));
    const shown = (await read('ip', 'route', 'show', BRANCH4)).split(/\s*\n/);
    expect(shown.sort()).toEqual([
      `${BRANCH4} dev ${LINK} proto 121 scope link src 10.1.0.1 metric 121`,
      `unreachable ${BRANCH4} proto 121 metric 4000000000`,
    ]);
    expect(await ourRoutes()).toEqual(routes.map(onlyDefined));

    const moved = { ...SOURCED, source: address('100.96.0.1') };
    await together(replace(moved), replace(BACKSTOP));
    expect(await ourRoutes()).toContainEqual(onlyDefined(moved));
    expect(await ourRoutes()).toHaveLength(routes.length);
    await together(...routes.map((route): Operation => ({ kind: 'remove-route', route })));
    await together(...routes.map((route): Operation => ({ kind: 'remove-route', route })));
    expect(await ourRoutes()).toEqual([]);
  });

  test('asks about the source of a route that the kernel does not accept', async () => {
    await applied(CREATE, START, UP);
    const operation = replace({ ...SOURCED, source: address('100.96.0.1') });
    expect(await kernel.apply([operation, replace(SOURCED)])).toEqual([
      { operation, reason: expect.stringMatching(/EINVAL.*is 100\.96\.0\.1 still an address/) },
    ]);
    expect(await ourRoutes()).toEqual([onlyDefined(SOURCED)]);
  });

  test("never deletes another program's route or link", async () => {
    const foreign = { ...SOURCED, prefix: prefix('10.9.0.0/16') };
    const before = await read('ip', 'route');
    await applied({ kind: 'remove-route', route: foreign });
    expect(await read('ip', 'route')).toBe(before);
    for (const operation of [
      { ...REMOVE, link: 'lan0' },
      { ...CREATE, link: 'lan0' },
      { ...START, link: 'lan0' },
      { ...UP, link: 'lan0' },
    ] as Operation[]) {
      const failures = await kernel.apply([operation]);
      expect(failures).toEqual([
        { operation, reason: expect.stringContaining('another program\'s link is called "lan0"') },
      ]);
    }
    expect(await read('ip', '-br', 'link', 'show', 'dev', 'lan0')).toContain('lan0');
  });

  test.each<[string, Operation, string]>([
    ['a process on no link', START, 'no such link (ENODEV)'],
    ['an address on no link', addAddress(OWN4), 'no such link (ENODEV)'],
    ['a route through no link', replace(SOURCED), 'no such link (ENODEV)'],
    ['a sysctl of no link', sysctl(`net/ipv4/conf/${LINK}/forwarding`), 'does not have it'],
    ['a sysctl outside the network', sysctl('kernel/hostname'), 'expected one like net/'],
    ['a sysctl by a detour', sysctl('net/../kernel/hostname'), 'expected one like net/'],
  ])('gives a reason for refusing %s', async (_, operation, reason) => {
    const failures = await kernel.apply([operation]);
    expect(failures).toEqual([{ operation, reason: expect.stringContaining(reason) }]);
  });

  test('fills its table in one transaction and leaves other tables alone', async () => {
    const others = await read('nft', 'list', 'table', 'ip', 'operator');
    const two = { ...CLAMP, text: 'ip ttl 1 counter', id: 'fedcba9876543210' };
    await applied(setFirewall(CLAMP, two));
    const listing = await read('nft', 'list', 'table', 'inet', 'culvert');
    expect(listing).toContain('type filter hook forward priority mangle; policy accept;');
    expect(listing).toContain(`size set rt mtu comment "culvert:${CLAMP.id}"`);
    expect(await observedFirewall()).toEqual([CLAMP.id, two.id]);

    const broken = setFirewall({ ...CLAMP, text: 'no such match' });
    expect(await kernel.apply([broken])).toHaveLength(1);
    expect(await observedFirewall()).toEqual([CLAMP.id, two.id]);
    await applied({ kind: 'remove-firewall' }, { kind: 'remove-firewall' });
    expect(await observedFirewall()).toBeUndefined();
    expect(await read('nft', 'list', 'table', 'ip', 'operator')).toBe(others);
  });

  test('sees what others did to its table, and makes it anew when it cannot be kept', async () => {
    await applied(setFirewall(CLAMP));
    await hq.run(['nft', 'insert', 'rule', 'inet', 'culvert', 'forward', 'counter']);
    expect(await observedFirewall()).toEqual(['?', CLAMP.id]);
    await applied(setFirewall(CLAMP));
    expect(await observedFirewall()).toEqual([CLAMP.id]);

    await hq.run(['nft', 'chain', 'inet', 'culvert', 'forward', '{ policy drop; }']);
    expect(await observedFirewall()).toBeUndefined();
    await hq.run(['nft', 'delete', 'table', 'inet', 'culvert']);
    await hq.run(['nft', 'add', 'table', 'inet', 'culvert']);
    await hq.run(['nft', 'add', 'chain', 'inet', 'culvert', 'forward']);
    expect(await observedFirewall()).toBeUndefined();
    await applied(setFirewall(CLAMP));
    expect(await observedFirewall()).toEqual([CLAMP.id]);
  });

  test('reads and writes sysctls, "*" standing for every link', async () => {
    await applied(CREATE, sysctl(`net/ipv4/conf/${LINK}/forwarding`));
    expect(await read('cat', `/proc/sys/net/ipv4/conf/${LINK}/forwarding`)).toBe('1');
    const keys = ['net/ipv4/conf/*/forwarding', 'net/ipv4/none', 'net/none/*/x'];
    const { sysctls } = await kernel.observe({ sysctls: keys });
    const names = ['all', 'default', 'lo', 'lan0', LINK];
    expect(sysctls).toEqual(
      new Map(names.map((n) => [`net/ipv4/conf/${n}/forwarding`, n === LINK ? '1' : '0'])),
    );
  });

  test('keeps forwarding when the agent is killed, and finds everything again', async () => {
    await applied(CREATE, START, setDevice(), UP, setPeer(peer(branch, [BRANCH4])));
    const device = await pidOf('wireguard-go');
    const shared = await sharedFiles(await kernel.pid(), device);
    const before = await kernel.observe({ sysctls: [] });
    await hq.run(['kill', '-KILL', `${await kernel.pid()}`]);
    await kernel.ended();

    kernel = new KernelDriver(hq);
    await kernel.ask({ ask: 'learn-key', ...own });
    expect(await pidOf('wireguard-go')).toBe(device);
    expect(await kernel.observe({ sysctls: [] })).toEqual(before);
    expect(shared).toEqual(['/dev/null']);
  });

  test('starts a device again whose process was killed; link and routes stay', async () => {
    await applied(CREATE, START, UP, replace(SOURCED));
    const first = await pidOf('wireguard-go');
    await hq.run(['kill', '-KILL', `${first}`]);
    const { devices, links } = await eventually(
      async () => {
        const observed = await kernel.observe({ sysctls: [] });
        return observed.devices.length === 0 ? observed : undefined;
      },
      { ms: 2_000, what: 'the device to be missed' },
    );
    expect(devices).toEqual([]);
    expect(links.find(({ name }) => name === LINK)).toMatchObject({ alias: ALIAS, isUp: true });
    expect(await ourRoutes()).toEqual([onlyDefined(SOURCED)]);
    await applied(START);
    expect(await pidOf('wireguard-go')).not.toBe(first);
    expect(await link()).toMatchObject({ mtu: 1400 }); // wireguard-go had set its own
  });

  test('removes the device with its process, and leaves the host as it was', async () => {
    const before = await picture();
    await applied(CREATE, START, setDevice(), UP, addAddress(OWN4), addAddress(OWN6));
    await applied(setPeer(peer(branch, [BRANCH4])), replace(BACKSTOP), replace(SOURCED));
    await applied(setFirewall(CLAMP));
    expect(await picture()).not.toEqual(before);
    await applied({ kind: 'remove-route', route: BACKSTOP }, REMOVE, { kind: 'remove-firewall' });
    expect(await picture()).toEqual(before);
    expect((await hq.attempt(['pgrep', '-x', 'wireguard-go'])).stdout).toBe('');
    expect(await read('ls', '/var/run/wireguard')).toBe('');
  });

  test('wakes for links, addresses, routes and nftables of others', async () => {
    await kernel.ask({ ask: 'wakes' });
    await eventually(async () => (await hq.attempt(['pgrep', '-x', 'nft'])).exitCode === 0, {
      ms: 2_000,
      what: 'the monitors to start',
    });
    for (const command of [
      'ip link set lan0 mtu 1400',
      'ip address add 10.1.0.9/16 dev lan0',
      'ip route add unreachable 10.8.0.0/16',
      'nft add table ip other',
    ]) {
      const before = await settledWakes();
      await hq.run(command.split(' '));
      await eventually(
        async () => ((await kernel.ask<number>({ ask: 'wakes' })) > before ? true : undefined),
        { ms: 1_000, what: `a wake for "${command}"` },
      );
    }
  });

  test('carries out thousands of operations in seconds', async () => {
    await applied(CREATE, START, UP);
    const many = Array.from({ length: 4_000 }, (_, i) =>
      prefix(`10.${100 + (i >> 8)}.${i & 255}.0/24`),
    );
    const started = performance.now();
    await together(...many.map((to) => replace({ ...BACKSTOP, prefix: to })));
    expect(await ourRoutes()).toHaveLength(many.length);
    await together(
      ...many.map(
        (to): Operation => ({ kind: 'remove-route', route: { ...BACKSTOP, prefix: to } }),
      ),
    );
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(await ourRoutes()).toEqual([]);
  });
});

/** Applies one by one and expects every operation to succeed. */
async function applied(...operations: readonly Operation[]): Promise<void> {
  for (const operation of operations) await together(operation);
}

/** Applies operations of one kind as one batch and expects all to succeed. */
async function together(...operations: readonly Operation[]): Promise<void> {
  expect(await kernel.apply(operations)).toEqual([]);
}

async function read(...argv: readonly string[]): Promise<string> {
  return (await hq.run(argv)).trim();
}

async function link(): Promise<unknown> {
  const [found] = JSON.parse(await read('ip', '-j', 'link', 'show', 'dev', LINK));
  return found;
}

async function makeKey() {
  const privateKey = await read('wg', 'genkey');
  const publicKey = (await hq.run(['wg', 'pubkey'], { input: privateKey })).trim() as PublicKey;
  return { privateKey, publicKey };
}

function setDevice(): Operation {
  return { kind: 'set-device', link: LINK, publicKey: own.publicKey, listenPort: 51_999 };
}

async function observedPeers() {
  const { devices } = await kernel.observe({ sysctls: [] });
  const peers = devices[0]?.peers.map(({ receivedBytes: _, sentBytes: __, ...wanted }) => wanted);
  return byKey(...(peers ?? []));
}

function byKey(...peers: readonly DesiredPeer[]) {
  return peers
    .map((p) => onlyDefined({ ...p, allowedIps: p.allowedIps.toSorted() }))
    .sort((a, b) => (a.publicKey < b.publicKey ? -1 : 1));
}

async function observedFirewall() {
  return (await kernel.observe({ sysctls: [] })).firewall;
}

/** Our routes as a configuration would say them: IPv4 first, each prefix by metric. */
async function ourRoutes() {
  const { routes } = await kernel.observe({ sysctls: [] });
  return routes
    .filter(({ protocol }) => protocol === ROUTE_PROTOCOL)
    .map(({ protocol: _, ...route }) => onlyDefined(route))
    .sort((a, b) => (a.prefix === b.prefix ? a.metric - b.metric : a.prefix < b.prefix ? -1 : 1));
}

/** What travelled as JSON has no undefined members. */
function onlyDefined<T extends object>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** Everything that Culvert could have touched. */
async function picture(): Promise<string[]> {
  return await Promise.all([
    read('ip', 'link'),
    read('ip', 'address'),
    read('ip', 'route', 'show', 'table', 'all'),
    read('ip', '-6', 'route', 'show', 'table', 'all'),
    read('ip', 'rule'),
    read('nft', 'list', 'ruleset'),
  ]);
}

async function pidOf(program: string): Promise<number> {
  return Number(await read('pgrep', '-x', program));
}

/** Files, sockets and pipes that two processes both hold, and not every process does. */
async function sharedFiles(one: number, other: number): Promise<string[]> {
  const [ofOne, ofOther, ofAll] = await Promise.all(
    [one, other, 1].map(async (pid) => {
      const targets = await hq.run(['find', `/proc/${pid}/fd`, '-type', 'l', '-printf', '%l\n']);
      return new Set(targets.trim().split('\n'));
    }),
  );
  return [...(ofOne ?? [])].filter(
    (file) => ofOther?.has(file) && !ofAll?.has(file) && !file.startsWith('anon_inode:'),
  );
}

/** The number of wakes once it has stopped growing. */
async function settledWakes(): Promise<number> {
  let last = -1;
  return await eventually(
    async () => {
      const before = last;
      last = await kernel.ask<number>({ ask: 'wakes' });
      return last === before ? last : undefined;
    },
    { ms: 5_000, what: 'the wakes to settle', everyMs: 100 },
  );
}
