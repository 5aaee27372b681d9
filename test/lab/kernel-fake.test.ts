import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type DesiredRoute,
  type Observed,
  type Operation,
  ROUTE_PROTOCOL,
} from '../../agent/state.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { address, familyOf, type Prefix, prefix } from '../../protocol/net.ts';
import { FakeKernel } from '../fakes/kernel.ts';
import { KernelDriver } from './kernel-driver.ts';
import { BACKSTOP, CREATE, ENDPOINT6, peer, START, UP } from './kernel-world.ts';
import { Lab } from './lab.ts';
import type { Machine } from './machine.ts';
import { eventually } from './wait.ts';

// The fake kernel is the oracle of the unit tests; this is where it is put to the question.
// Both kernels get the same operations, and the same blows from others, and must end alike.
const LINKS = ['culvert0', 'culvert1'] as const;
/** The first of two; a port that another device has is refused half done. */
const PORTS = { culvert0: 51_801, culvert1: 51_811 } as const;
const ADDRESSES = ['100.96.0.1/32', '100.96.0.2/32', 'fd96::1/128', 'fd96::2/128'].map(prefix);
const PREFIXES = ['10.2.0.0/16', '10.3.0.0/16', 'fd02::/48', 'fd03::/48'].map(prefix);
const SYSCTLS = ['net/ipv4/conf/*/forwarding', 'net/ipv6/conf/*/forwarding'];

/** One step, done to both. */
type Step =
  | { readonly by: 'us'; readonly operation: Operation }
  | {
      readonly by: 'others';
      readonly what: 'set link down' | 'delete link' | 'kill process' | 'delete addresses';
      readonly link: string;
    };

/** One device that runs, so that most steps have something to work on. */
const BEGINNING: readonly Step[] = [CREATE, START, UP].map((operation) => ({
  by: 'us',
  operation,
}));

let lab: Lab;
let machine: Machine;
let real: KernelDriver;

beforeAll(async () => {
  lab = await Lab.create('kernel-fake');
  machine = await lab.addMachine('hq');
  real = new KernelDriver(machine);
});

afterAll(async () => {
  await real?.[Symbol.asyncDispose]();
  await lab?.destroy();
});

test('FakeKernel does what the real kernel does', async () => {
  const keys = await makeKeys(3);
  for (const { privateKey, publicKey } of keys) {
    await real.ask({ ask: 'learn-key', privateKey, publicKey });
  }
  const publicKeys = keys.map(({ publicKey }) => publicKey);
  await fc.assert(
    fc.asyncProperty(fc.array(step(publicKeys), { maxLength: 30, size: 'max' }), async (steps) => {
      const fake = new FakeKernel({ addresses: await wipe() });
      for (const step of [...BEGINNING, ...steps]) {
        const refusals = { real: await doTo(real, step), fake: await doTo(fake, step) };
        if (refusals.real.length !== refusals.fake.length) {
          throw new Error(
            `${JSON.stringify(step)} is refused by one only: ${JSON.stringify(refusals)}`,
          );
        }
      }
      expect(comparable(await fake.observe({ sysctls: SYSCTLS }))).toEqual(
        comparable(await real.observe({ sysctls: SYSCTLS })),
      );
    }),
    {
      numRuns: 25,
      interruptAfterTimeLimit: 60_000,
      markInterruptAsFailure: false,
    },
  );
});

async function doTo(kernel: KernelDriver | FakeKernel, step: Step): Promise<readonly unknown[]> {
  if (step.by === 'us') {
    const failures = await kernel.apply([step.operation]);
    return failures.map(({ reason }) => reason);
  }
  const { links, addresses, devices } = await kernel.observe({ sysctls: [] });
  if (!links.some(({ name }) => name === step.link)) return [];
  const isRunning = devices.some(({ link }) => link === step.link);
  switch (step.what) {
    case 'set link down':
      if (kernel instanceof FakeKernel) kernel.setLinkDown(step.link);
      else await machine.run(['ip', 'link', 'set', step.link, 'down']);
      return [];
    case 'delete link':
      if (kernel instanceof FakeKernel) kernel.deleteLink(step.link);
      else await machine.run(['ip', 'link', 'delete', step.link]);
      if (kernel instanceof KernelDriver) await processEnd(step.link);
      return [];
    case 'kill process':
      if (!isRunning) return [];
      if (kernel instanceof FakeKernel) kernel.die(step.link);
      else await machine.run(['pkill', '-KILL', '-f', `^/usr/bin/wireguard-go -f ${step.link}$`]);
      if (kernel instanceof KernelDriver) await processEnd(step.link);
      return [];
    case 'delete addresses':
      for (const { link, address, length } of addresses) {
        if (link !== step.link || isLinkLocal(address)) continue;
        if (kernel instanceof FakeKernel) kernel.deleteAddress(address, link);
        else await machine.run(['ip', 'address', 'delete', `${address}/${length}`, 'dev', link]);
      }
      return [];
  }
}

function step(keys: readonly PublicKey[]): fc.Arbitrary<Step> {
  const link = fc.constantFrom(...LINKS);
  const key = fc.constantFrom(...keys);
  const own = fc.constantFrom(...ADDRESSES);
  const to = fc.constantFrom(...PREFIXES);
  const source = (of: Prefix) => {
    const ofFamily = ADDRESSES.filter((a) => familyOf(a) === familyOf(of));
    const texts = ofFamily.map((a) => address(a.slice(0, a.indexOf('/'))));
    return fc.constantFrom(undefined, ...texts);
  };
  const route = fc.oneof(
    to.map((of): DesiredRoute => ({ ...BACKSTOP, prefix: of })),
    to.chain((of) =>
      fc.record({
        kind: fc.constant('device' as const),
        prefix: fc.constant(of),
        link,
        metric: fc.constantFrom(121, 122),
        source: source(of),
      }),
    ),
  );
  const wanted = fc
    .tuple(key, fc.subarray([...PREFIXES]), fc.constantFrom(undefined, ENDPOINT6))
    .map((parts) => peer(...parts));
  const kind = <K extends Operation['kind']>(name: K) => fc.constant(name);
  const operation: fc.Arbitrary<Operation> = fc.oneof(
    link.map(
      (name): Operation => ({ ...CREATE, link: name, alias: `culvert:${name}` }) as Operation,
    ),
    fc.record({ kind: kind('start-device'), link }),
    fc.tuple(link, key, fc.nat({ max: 1 })).map(([name, publicKey, second]): Operation => {
      const listenPort = PORTS[name] + second;
      return { kind: 'set-device', link: name, publicKey, listenPort };
    }),
    fc.record({ kind: kind('set-link'), link, mtuBytes: fc.constantFrom(1400, 1420) }),
    fc.record({ kind: kind('add-address'), link, address: own }),
    fc.record({ kind: kind('remove-address'), link, address: own }),
    fc.record({ kind: kind('set-peer'), link, peer: wanted }),
    fc.record({ kind: kind('remove-peer'), link, publicKey: key }),
    fc.record({ kind: kind('replace-route'), route }),
    fc.record({ kind: kind('remove-route'), route }),
    fc.record({ kind: kind('remove-link'), link }),
    fc.record({
      kind: kind('set-sysctl'),
      key: fc.oneof(
        link.map((name) => `net/ipv4/conf/${name}/forwarding`),
        link.map((name) => `net/ipv6/conf/${name}/forwarding`),
        fc.constantFrom('net/ipv6/conf/all/forwarding', 'net/ipv4/conf/all/forwarding'),
      ),
      value: fc.constantFrom('0', '1'),
    }),
  );
  const others = fc.constantFrom<Extract<Step, { by: 'others' }>['what'][]>(
    'set link down',
    'delete link',
    'kill process',
    'delete addresses',
  );
  return fc.oneof(
    { weight: 8, arbitrary: fc.record({ by: fc.constant('us' as const), operation }) },
    {
      weight: 1,
      arbitrary: fc.record({ by: fc.constant('others' as const), what: others, link }),
    },
  );
}

/** Takes everything of ours off the machine; gives the addresses that stay. */
async function wipe() {
  for (const name of LINKS) await real.apply([{ kind: 'remove-link', link: name }]);
  for (const key of ['net/ipv4/conf/all/forwarding', 'net/ipv6/conf/all/forwarding']) {
    await real.apply([{ kind: 'set-sysctl', key, value: '0' }]);
  }
  const { routes, addresses } = await real.observe({ sysctls: [] });
  const ours = routes.filter(({ protocol }) => protocol === ROUTE_PROTOCOL);
  await real.apply(
    ours.map(({ prefix, metric }): Operation => {
      return { kind: 'remove-route', route: { kind: 'unreachable', prefix, metric } };
    }),
  );
  return addresses;
}

/** What both must have alike: in one order, without link-local addresses and traffic. */
function comparable(observed: Observed): object {
  const lines = (values: readonly object[]) => values.map((value) => line(value)).sort();
  return {
    links: lines(observed.links),
    addresses: lines(observed.addresses.filter(({ address }) => !isLinkLocal(address))),
    routes: lines(observed.routes.filter(({ prefix }) => !isLinkLocal(prefix))),
    devices: lines(
      observed.devices.map(({ peers, ...device }) => ({
        ...device,
        peers: lines(
          peers.map(({ receivedBytes: _, sentBytes: __, ...wanted }) => ({
            ...wanted,
            allowedIps: wanted.allowedIps.toSorted(),
          })),
        ),
        // wireguard-go makes a port up when it is set up without one.
        listenPort: device.publicKey === undefined ? 'any' : device.listenPort,
      })),
    ),
    sysctls: Object.fromEntries([...observed.sysctls].sort()),
  };
}

/** Members in one order, undefined ones left out. */
function line(value: object): string {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return JSON.stringify(Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))));
}

function isLinkLocal(text: string): boolean {
  return text.startsWith('fe80:') || text.startsWith('ff');
}

/** A dying process still answers for a moment, when it has left the process table already. */
async function processEnd(link: string): Promise<void> {
  await eventually(
    async () => {
      const devices = await machine.run(['wg', 'show', 'interfaces']);
      const found = await machine.attempt(['pgrep', '-f', `^/usr/bin/wireguard-go -f ${link}$`]);
      return devices.split(/\s+/).includes(link) || found.exitCode === 0 ? undefined : true;
    },
    { ms: 3_000, what: `wireguard-go of ${link} to end` },
  );
}

async function makeKeys(count: number) {
  const keys: { privateKey: string; publicKey: PublicKey }[] = [];
  for (let i = 0; i < count; i++) {
    const privateKey = (await machine.run(['wg', 'genkey'])).trim();
    const publicKey = await machine.run(['wg', 'pubkey'], { input: privateKey });
    keys.push({ privateKey, publicKey: publicKey.trim() as PublicKey }); // as wg(8) prints it
  }
  return keys;
}
