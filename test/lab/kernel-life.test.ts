import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Operation } from '../../agent/state.ts';
import { prefix } from '../../protocol/net.ts';
import { KernelHost } from './kernel-host.ts';
import {
  ALIAS,
  addAddress,
  BACKSTOP,
  BRANCH4,
  CLAMP,
  CREATE,
  LINK,
  OWN4,
  OWN6,
  onlyDefined,
  peer,
  REMOVE,
  replace,
  SOURCED,
  START,
  setDevice,
  setFirewall,
  setPeer,
  UP,
} from './kernel-world.ts';
import { eventually } from './wait.ts';

// What a gateway lives through: killed agents and devices, other programs, thousands of routes.
let host: KernelHost;
beforeAll(async () => {
  host = await KernelHost.create('kernel-life');
});
beforeEach(() => host.clear());
afterAll(() => host?.[Symbol.asyncDispose]());

describe('the real kernel', () => {
  test('keeps forwarding when the agent is killed, and finds everything again', async () => {
    await host.applied(
      CREATE,
      START,
      setDevice(host.own.publicKey),
      UP,
      setPeer(peer(host.branch, [BRANCH4])),
    );
    const device = await host.pidOf('wireguard-go');
    expect(await host.read('ps', '-o', 'sid=', '-p', `${device}`)).toBe(`${device}`);
    expect(await sharedFiles(await host.kernel.pid(), device)).toEqual(['/dev/null']);
    const ends = [0, 1, 2].map((end) => `/proc/${device}/fd/${end}`);
    expect(await host.read('readlink', ...ends)).toBe('/dev/null\n/dev/null\n/dev/null');
    const before = await host.observed();
    await host.hq.run(['kill', '-KILL', `${await host.kernel.pid()}`]);
    await host.restart();
    expect(await host.pidOf('wireguard-go')).toBe(device);
    expect(await host.observed()).toEqual(before);
  });

  test('starts a device again whose process was killed; link and routes stay', async () => {
    await host.applied(CREATE, START, UP, replace(SOURCED));
    const first = await host.pidOf('wireguard-go');
    await host.hq.run(['kill', '-KILL', `${first}`]);
    const { devices, links } = await eventually(
      async () => {
        const observed = await host.observed();
        return observed.devices.length === 0 ? observed : undefined;
      },
      { ms: 2_000, what: 'the device to be missed' },
    );
    expect(devices).toEqual([]);
    expect(links.find(({ name }) => name === LINK)).toMatchObject({ alias: ALIAS, isUp: true });
    expect(await host.ourRoutes()).toEqual([onlyDefined(SOURCED)]);
    await host.applied(START);
    expect(await host.pidOf('wireguard-go')).not.toBe(first);
    expect(await host.link()).toMatchObject({ mtu: 1400 }); // wireguard-go had set its own
  });

  test('starts a device without a service on a host whose systemd knows none', async () => {
    await host.hq.run(['mkdir', '-p', '/run/systemd/system']);
    await host.applied(CREATE, START, REMOVE);
    await host.hq.run(['rm', '-r', '/run/systemd']);
  });

  test('removes the device with its process, and leaves the host as it was', async () => {
    const before = await picture();
    await host.applied(
      CREATE,
      START,
      setDevice(host.own.publicKey),
      UP,
      addAddress(OWN4),
      addAddress(OWN6),
    );
    await host.applied(setPeer(peer(host.branch, [BRANCH4])), replace(BACKSTOP), replace(SOURCED));
    await host.applied(setFirewall(CLAMP));
    expect(await picture()).not.toEqual(before);
    await host.applied({ kind: 'remove-route', route: BACKSTOP }, REMOVE, {
      kind: 'remove-firewall',
    });
    expect(await picture()).toEqual(before);
    expect((await host.hq.attempt(['pgrep', '-x', 'wireguard-go'])).stdout).toBe('');
    expect(await host.read('ls', '/var/run/wireguard')).toBe('');
  });

  test('wakes for links, addresses, routes and nftables of others', async () => {
    await host.kernel.ask({ ask: 'wakes' });
    await eventually(async () => (await host.hq.attempt(['pgrep', '-x', 'nft'])).exitCode === 0, {
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
      await host.hq.run(command.split(' '));
      await eventually(
        async () => ((await host.kernel.ask<number>({ ask: 'wakes' })) > before ? true : undefined),
        { ms: 1_000, what: `a wake for "${command}"` },
      );
    }
  });

  test('carries out thousands of operations in seconds', async () => {
    await host.applied(CREATE, START, UP);
    const many = Array.from({ length: 4_000 }, (_, i) =>
      prefix(`10.${100 + (i >> 8)}.${i & 255}.0/24`),
    );
    const started = performance.now();
    await host.together(...many.map((to) => replace({ ...BACKSTOP, prefix: to })));
    expect(await host.ourRoutes()).toHaveLength(many.length);
    await host.together(
      ...many.map(
        (to): Operation => ({ kind: 'remove-route', route: { ...BACKSTOP, prefix: to } }),
      ),
    );
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(await host.ourRoutes()).toEqual([]);
  });
});

/** Everything that Culvert could have touched. */
async function picture(): Promise<string[]> {
  return await Promise.all([
    host.read('ip', 'link'),
    host.read('ip', 'address'),
    host.read('ip', 'route', 'show', 'table', 'all'),
    host.read('ip', '-6', 'route', 'show', 'table', 'all'),
    host.read('ip', 'rule'),
    host.read('nft', 'list', 'ruleset'),
  ]);
}

/** Files, sockets and pipes that two processes both hold, and not every process does. */
async function sharedFiles(one: number, other: number): Promise<string[]> {
  const [ofOne, ofOther, ofAll] = await Promise.all(
    [one, other, 1].map(async (pid) => {
      const links = ['-type', 'l', '-printf', '%l\n'];
      const targets = await host.hq.run(['find', `/proc/${pid}/fd`, ...links]);
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
      last = await host.kernel.ask<number>({ ask: 'wakes' });
      return last === before ? last : undefined;
    },
    { ms: 5_000, what: 'the wakes to settle', everyMs: 100 },
  );
}
