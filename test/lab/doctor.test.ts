/**
 * `culvert agent doctor` in the world: nothing fails on a healthy gateway; what is broken, one
 * thing at a time, is named, and the remedy it prints heals it when it is run as it stands.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readExposition } from '../fakes/prometheus.ts';
import { applied, type Installation, install, startAgent } from './culvert.ts';
import { Lab } from './lab.ts';
import type { Machine } from './machine.ts';
import { settle } from './proof.ts';
import { eventually } from './wait.ts';
import { createWorld, type World } from './world.ts';

type Finding = {
  readonly id: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly finding: string;
  readonly evidence: string;
  readonly remedy?: readonly string[];
};

/** Chains as Docker makes them by iptables-nft. */
const DOCKER = `
table ip filter {
  chain DOCKER-USER { return; }
  chain FORWARD {
    type filter hook forward priority filter; policy drop;
    jump DOCKER-USER
    oifname "docker0" ct state established,related accept
  }
}`;

const DROPPING = `
table inet strangers {
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "docker0" accept
  }
}`;

let lab: Lab;
let world: World;
let installation: Installation;
let gateway: Machine;

beforeAll(async () => {
  lab = await Lab.create('doctor');
  world = await createWorld(lab);
  installation = await install(world);
  await settle(world, { ms: 20_000 });
  gateway = lab.machine('hq-gateway');
});

afterAll(async () => {
  await lab?.destroy();
});

describe('culvert agent doctor', () => {
  test('finds nothing wrong with a gateway, and says what it looked at', async () => {
    const { exitCode, findings } = await examine(gateway);

    expect(failures(findings)).toEqual([]);
    expect(exitCode).toBe(0);
    expect(new Set(findings.map(({ id }) => id))).toEqual(
      new Set([
        'precondition',
        'state-directory',
        'clock',
        'agent',
        'control-plane',
        'configuration',
        'forwarding',
        'foreign-route',
        'rp-filter',
        'firewall',
        'peer',
        'mtu',
        'return-route',
      ]),
    );
  });

  test.each([
    ['a chain of another with policy drop', DROPPING, 'inet strangers', 'table inet strangers'],
    ['the chains of Docker', DOCKER, 'ip filter', 'chain "FORWARD" of table ip filter'],
  ])('names %s, and the remedy lets our packets through', async (_, rules, table, named) => {
    await gateway.run(['nft', '-f', '-'], { input: rules });
    expect(await isReached('hq-1', '10.2.0.10')).toBe(false);

    const broken = await examine(gateway);

    expect(broken.exitCode).toBe(1);
    expect(failures(broken.findings)).toEqual(['firewall']);
    expect(failing(broken).finding).toContain(named);
    expect(failing(broken).evidence).toBe('policy drop');
    await follow(gateway, failing(broken));
    expect(failures((await examine(gateway)).findings)).toEqual([]);
    expect(await isReached('hq-1', '10.2.0.10')).toBe(true);
    await gateway.run(['nft', 'delete', 'table', ...table.split(' ')]);
  });

  test('names a route of another that takes a prefix, and the remedy gives it back', async () => {
    const foreign = ['10.2.0.0/16', 'via', '198.51.100.1', 'metric', '5'];
    await gateway.run(['ip', 'route', 'add', ...foreign]);

    const broken = await examine(gateway);

    expect(failures(broken.findings)).toEqual(['foreign-route']);
    expect(failing(broken).finding).toContain('10.2.0.0/16');
    await follow(gateway, failing(broken));
    expect(failures((await examine(gateway)).findings)).toEqual([]);
    expect(await isReached('hq-1', '10.2.0.10')).toBe(true);
  });

  test('names forwarding that is off while no agent repairs it', async () => {
    installation.agents.get('hq-gateway')?.kill('SIGKILL');
    await installation.agents.get('hq-gateway')?.ended();
    await gateway.run(['sysctl', '-w', 'net/ipv4/conf/lan0/forwarding=0']);

    const broken = await examine(gateway);

    expect(failures(broken.findings)).toEqual(['agent', 'forwarding']);
    const forwarding = broken.findings.find(({ id }) => id === 'forwarding');
    expect(forwarding?.evidence).toBe('net/ipv4/conf/lan0/forwarding is 0');
    await follow(gateway, forwarding);
    expect(await isReached('hq-1', '10.2.0.10')).toBe(true);
    expect(failures((await examine(gateway)).findings)).toEqual(['agent']);
    installation.agents.set('hq-gateway', startAgent(gateway));
    await applied(gateway);
  });

  test('names a peer that does not answer, and where to look', async () => {
    const filter =
      'table inet blocked { chain in { type filter hook input priority 0; udp dport 51820 drop; }; }';
    await lab.machine('branch-gateway').run(['nft', '-f', '-'], { input: filter });
    // A device without sessions, so that nobody has to wait until they have died.
    await gateway.run(['ip', 'link', 'delete', await deviceOf(gateway)]);
    await applied(gateway);

    const broken = await examine(gateway);

    expect(failures(broken.findings)).toEqual(['peer']);
    expect(failing(broken).finding).toBe(
      'branch/branch-gateway does not answer at 203.0.113.2:51820',
    );
    expect(failing(broken).remedy?.join('\n')).toContain('allow UDP to 203.0.113.2:51820');
    await lab.machine('branch-gateway').run(['nft', 'delete', 'table', 'inet', 'blocked']);
    await eventually(
      async () => failures((await examine(gateway)).findings).length === 0 || undefined,
      { ms: 30_000, what: 'the peer to answer again', everyMs: 500 },
    );
  });

  test('beside the gateway: proves the return route, and names the one that is missing', async () => {
    const connector = lab.machine('plant-connector');
    const plain = lab.machine('plant-gateway');
    const healthy = await examine(connector);
    expect(failures(healthy.findings)).toEqual([]);
    expect(healthy.findings.find(({ id }) => id === 'return-route')?.finding).toBe(
      '10.3.0.1 routes the remote prefixes to 10.3.0.2',
    );
    await plain.run(['ip', 'route', 'delete', '10.2.0.0/16']);

    const broken = await examine(connector);

    expect(failures(broken.findings)).toEqual(['return-route']);
    expect(failing(broken).finding).toBe('10.3.0.1 does not route 10.2.0.0/16 to 10.3.0.2');
    const linux = 'ip route replace 10.2.0.0/16 via 10.3.0.2';
    expect(failing(broken).remedy).toContain(linux);
    await plain.run(['sh', '-c', linux]);
    expect(failures((await examine(connector)).findings)).toEqual([]);
    expect(await connector.run(['ip', 'address', 'show', 'dev', 'lo'])).not.toContain('10.2.0.0');
  });

  test('goes with metrics that a collector can read over TCP', async () => {
    await installation.agents.get('hq-gateway')?.stop();
    const command = ['culvert', 'agent', 'run', '--metrics', '127.0.0.1:9586'];
    installation.agents.set('hq-gateway', gateway.start(command, { log: 'agent' }));
    await applied(gateway);

    const { samples } = readExposition(await fetched(gateway, 9586, '/metrics'));

    const read = (name: string) => samples.find((sample) => sample.name === name)?.value;
    expect(read('culvert_agent_configuration_applied')).toBe(1);
    expect(read('culvert_agent_reconcile_passes_total')).toBeGreaterThan(0);
    expect(read('culvert_agent_certificate_expiry_timestamp_seconds')).toBeGreaterThan(
      Date.now() / 1000,
    );
    const peers = samples.filter(({ name }) => name === 'culvert_agent_peer_up');
    expect(peers.map(({ labels, value }) => [labels.peer, value])).toEqual([
      ['branch/branch-gateway', 1],
      ['plant/plant-connector', 1],
    ]);
  });

  test('speaks to people in one line a finding', async () => {
    const text = await gateway.run(['culvert', 'agent', 'doctor']);

    expect(text).toContain('ok    firewall: no firewall of another stops our packets\n');
    expect(text).toMatch(/^ok {4}peer: branch\/branch-gateway answers \(handshake \d+ s ago\)$/m);
  });
});

type Examination = { readonly exitCode: number | null; readonly findings: readonly Finding[] };

async function examine(machine: Machine): Promise<Examination> {
  const result = await machine.attempt(['culvert', 'agent', 'doctor', '--json']);
  expect(result.stdout, result.stderr).toMatch(/^\[/);
  return { exitCode: result.exitCode, findings: JSON.parse(result.stdout) };
}

function failures(findings: readonly Finding[]): string[] {
  return findings.filter(({ state }) => state === 'fail').map(({ id }) => id);
}

function failing({ findings }: Examination): Finding {
  const found = findings.find(({ state }) => state === 'fail');
  if (found === undefined) throw new Error('The doctor found nothing');
  return found;
}

/** As somebody would who copies it into a shell. */
async function follow(machine: Machine, finding: Finding | undefined): Promise<void> {
  await machine.run(['sh', '-e', '-c', (finding?.remedy ?? ['false']).join('\n')]);
}

/** The body of an answer, by what every machine has. */
async function fetched(machine: Machine, port: number, path: string): Promise<string> {
  const request = `GET ${path} HTTP/1.0\\r\\n\\r\\n`;
  const script = `exec 3<> /dev/tcp/127.0.0.1/${port}; printf '${request}' >&3; cat <&3`;
  const answer = await machine.run(['timeout', '5', 'bash', '-c', script]);
  return answer.slice(answer.indexOf('\r\n\r\n') + 4);
}

async function isReached(from: string, to: string): Promise<boolean> {
  const ping = ['ping', '-n', '-c', '3', '-i', '0.2', '-W', '1', to];
  return (await lab.machine(from).attempt(ping)).exitCode === 0;
}

async function deviceOf(machine: Machine): Promise<string> {
  return (await machine.run(['wg', 'show', 'interfaces'])).trim();
}
