/**
 * The world joined by the real control plane and agents over real WireGuard: the proof, and
 * what happens to the packets of a stream when parts of Culvert are killed.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  applied,
  type Installation,
  install,
  startAgent,
  startControlPlane,
  statusOf,
} from './culvert.ts';
import { Lab } from './lab.ts';
import type { Machine } from './machine.ts';
import { type Path, prove, settle } from './proof.ts';
import { streamWhile } from './stream.ts';
import { eventually } from './wait.ts';
import { createWorld, SITES, type Site, type World } from './world.ts';

// Every site of the world by name, as its table lists them.
const [hq, branch, plant] = SITES as [Site, Site, Site];
const HQ_TO_BRANCH: Path = { from: hq.hosts[0], to: branch.hosts[0] };
const PLANT_TO_HQ: Path = { from: plant.hosts[0], to: hq.hosts[1] };

/** The agent that makes a device again remembers where everybody was heard. */
const SETTLED_MS = 3_000;

/**
 * A device that is made again by an agent that was not there knows of plant what it was told,
 * and not the port that plant's NAT chose. Until plant speaks there is no way in: it begins
 * anew 15 s after data that nothing answered, and sends such at the latest with its keepalive,
 * every 25 s (WireGuard whitepaper §6.1 and §6.5). Its first initiation may be lost, which
 * costs 5 s.
 */
const NAT_RECOVERY_MS = 45_000;

const REKEY_TIMEOUT_MS = 5_000;

let lab: Lab;
let world: World;
let installation: Installation;
/** Of each connector's machine, as it was before Culvert. */
const before = new Map<string, HostState>();

beforeAll(async () => {
  lab = await Lab.create('culvert');
  world = await createWorld(lab);
  for (const machine of connectors()) before.set(machine.name, await stateOf(machine));
  installation = await install(world);
  await settle(world, { ms: 20_000 });
});

afterAll(async () => {
  await lab?.destroy();
});

describe('three sites', () => {
  test('are joined: every line of the proof holds', async () => {
    const findings = await prove(world);

    expect(findings.filter(({ holds }) => !holds)).toEqual([]);
    expect(findings).toHaveLength(6 * 2 * 5 + 3);
  });

  test('lose nothing when an agent is killed and started again', async () => {
    const gateway = lab.machine('hq-gateway');
    const handshakes = await settledHandshakes(gateway);

    const result = await streamWhile(world, { path: HQ_TO_BRANCH, seconds: 6 }, async () => {
      await killAgent('hq-gateway');
      installation.agents.set('hq-gateway', startAgent(gateway));
      await applied(gateway);
    });

    expect(result).toMatchObject({ lost: 0, duplicates: 0, late: 0, sources: ['10.1.0.10'] });
    expect(await handshakesOf(gateway)).toBe(handshakes);
    const sinceRestart = gateway.logOf('agent').split('agent started').at(-1);
    expect(sinceRestart).toContain('connected to the control plane');
    expect(sinceRestart).not.toContain('"msg":"done"');
  });

  test('lose nothing while the control plane is away and every agent starts without it', async () => {
    const result = await streamWhile(world, { path: PLANT_TO_HQ, seconds: 12 }, async () => {
      installation.controlPlane.kill('SIGKILL');
      await installation.controlPlane.ended();
      for (const machine of connectors()) {
        await killAgent(machine.name);
        installation.agents.set(machine.name, startAgent(machine));
      }
      const statuses = await Promise.all(connectors().map((machine) => applied(machine)));
      expect(statuses.map(({ controlPlane }) => controlPlane.isConnected)).toEqual([
        false,
        false,
        false,
      ]);
    });

    expect(result).toMatchObject({ lost: 0, duplicates: 0, late: 0, sources: ['10.3.0.10'] });
  });

  test('have their agents back at the control plane when it is back', async () => {
    installation.controlPlane = await startControlPlane(world);

    for (const machine of connectors()) {
      const status = await eventually(
        async () => {
          const current = await statusOf(machine);
          return current.controlPlane.isConnected ? current : undefined;
        },
        { ms: 60_000, what: `"${machine.name}" to be connected`, everyMs: 500 },
      );
      expect(status.isApplied, machine.name).toBe(true);
    }
  });

  test('have a tunnel back soon after somebody deleted it, and nothing left in clear', async () => {
    const gateway = lab.machine('hq-gateway');
    const [device = ''] = (await gateway.run(['wg', 'show', 'interfaces'])).trim().split(/\s+/);

    const result = await streamWhile(world, { path: HQ_TO_BRANCH, seconds: 12 }, async () => {
      await gateway.run(['ip', 'link', 'delete', device]);
    });

    expect(result.lost).toBeGreaterThan(0);
    expect(result.longestGapMs).toBeLessThan(8000);
    await settle(world, { ms: SETTLED_MS });
    const findings = await prove(world);
    expect(findings.filter(({ holds }) => !holds)).toEqual([]);
  });

  test('are unreachable and never in clear when the tunnel is gone and no agent is there', async () => {
    const gateway = lab.machine('branch-gateway');
    await killAgent('branch-gateway');
    const [device = ''] = (await gateway.run(['wg', 'show', 'interfaces'])).trim().split(/\s+/);
    await gateway.run(['ip', 'link', 'delete', device]);

    const { exitCode, stdout } = await lab
      .machine('branch-1')
      .attempt(['ping', '-n', '-c', '1', '-W', '2', '10.1.0.10']);

    expect(exitCode).toBe(1);
    expect(stdout).toContain('From 10.2.0.1 icmp_seq=1 Destination Host Unreachable');
    const inClear = await lab.machine('internet').run(['nft', 'list', 'counters']);
    expect(inClear).toContain('packets 0 bytes 0');
    installation.agents.set('branch-gateway', startAgent(gateway));
    await applied(gateway);
    await settle(world, { ms: NAT_RECOVERY_MS });
    expect((await prove(world)).filter(({ holds }) => !holds)).toEqual([]);
  });

  test('leave their hosts as they were', async () => {
    for (const machine of connectors()) {
      await installation.agents.get(machine.name)?.stop();
      const own = before.get(machine.name);
      expect(changesSince(own, await stateOf(machine))).toEqual(
        expect.arrayContaining(['links', 'addresses', 'routes', 'firewall', 'sysctls', 'files']),
      );

      await machine.run(['culvert', 'agent', 'leave']);

      expect(await stateOf(machine), machine.name).toEqual(own);
    }
  });
});

type HostState = Readonly<Record<string, string>>;

/** What `leave` must put back: the kernel's configuration and the files on disk. */
async function stateOf(machine: Machine): Promise<HostState> {
  const look = async (...argv: string[]) => (await machine.attempt(argv)).stdout;
  return {
    links: await look('ip', '-o', 'link', 'show'),
    addresses: await look('ip', '-o', 'address', 'show'),
    rules: (await look('ip', 'rule')) + (await look('ip', '-6', 'rule')),
    routes: (await look('ip', 'route', 'show', 'table', 'all')) + (await look(...ROUTES6)),
    firewall: await look('nft', 'list', 'ruleset'),
    sysctls: await look('sh', '-c', 'sysctl -a 2>/dev/null | grep ^net | grep -v conntrack_count'),
    files: (await machine.writtenFiles()).join('\n'),
  };
}

function changesSince(own: HostState | undefined, current: HostState): string[] {
  return Object.keys(current).filter((key) => current[key] !== own?.[key]);
}

const ROUTES6 = ['ip', '-6', 'route', 'show', 'table', 'all'];

function connectors(): Machine[] {
  return SITES.map((site) => lab.machine(site.connector));
}

/** Sorted: userspace WireGuard lists its peers in another order each time. */
async function handshakesOf(machine: Machine): Promise<string> {
  const listed = await machine.run(['wg', 'show', 'all', 'latest-handshakes']);
  return listed.split('\n').sort().join('\n');
}

/**
 * Two gateways that begin at once may cross and begin again 5 s later by themselves (WireGuard
 * whitepaper §6.1, Rekey-Timeout); only after that is a handshake somebody's doing.
 */
function settledHandshakes(machine: Machine): Promise<string> {
  let seen = '';
  let since = 0;
  return eventually(
    async () => {
      const current = await handshakesOf(machine);
      if (current !== seen) since = performance.now();
      seen = current;
      return performance.now() - since > REKEY_TIMEOUT_MS + 1000 ? current : undefined;
    },
    { ms: 30_000, what: `handshakes of "${machine.name}" to settle`, everyMs: 250 },
  );
}

async function killAgent(connector: string): Promise<void> {
  const agent = installation.agents.get(connector);
  agent?.kill('SIGKILL');
  await agent?.ended();
}
