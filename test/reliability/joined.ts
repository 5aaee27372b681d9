/**
 * Three joined sites to do harm to: agents that are stopped, killed and frozen, traffic that
 * is counted in both directions meanwhile, and the kernel's state as text to compare.
 *
 * @module
 */
import { type Installation, install, startAgent, statusOf } from '../lab/culvert.ts';
import { Lab } from '../lab/lab.ts';
import type { Machine, Started } from '../lab/machine.ts';
import { type Path, settle } from '../lab/proof.ts';
import { type StreamResult, streamWhile } from '../lab/stream.ts';
import { eventually } from '../lab/wait.ts';
import { createWorld, LEAK_COUNTERS, SITES, type Site, type World } from '../lab/world.ts';

// Every site of the world by name, as its table lists them.
const [hq, branch, plant] = SITES as [Site, Site, Site];
export const HQ_TO_BRANCH: Path = { from: hq.hosts[0], to: branch.hosts[0] };
export const HQ_TO_PLANT: Path = { from: hq.hosts[1], to: plant.hosts[0] };
export const BRANCH_TO_PLANT: Path = { from: branch.hosts[1], to: plant.hosts[1] };

/** What passed while something happened, and what must never be seen outside of a tunnel. */
export type Traffic = {
  readonly there: StreamResult;
  readonly back: StreamResult;
  /** Packets of a site in clear, at any counter. */
  readonly inClear: number;
};

const WHOLE = { lost: 0, duplicates: 0, late: 0 };
export const UNTOUCHED = { there: WHOLE, back: WHOLE, inClear: 0 };

/** WireGuard whitepaper §6.1, Rekey-After-Time: peers begin anew by themselves. */
const REKEY_AFTER_SECONDS = 120;

const REKEY_TIMEOUT_MS = 5_000;

export class Joined {
  readonly lab: Lab;
  readonly world: World;
  readonly installation: Installation;
  /** Of each connector's machine, before Culvert was there. */
  readonly bare: ReadonlyMap<string, string>;

  private constructor(installation: Installation, lab: Lab, bare: ReadonlyMap<string, string>) {
    this.installation = installation;
    this.world = installation.world;
    this.lab = lab;
    this.bare = bare;
  }

  /** Resolves when every site reaches every other one. */
  static async create(name: string): Promise<Joined> {
    const lab = await Lab.create(name);
    const world = await createWorld(lab);
    const bare = new Map<string, string>();
    for (const { connector } of SITES) bare.set(connector, await kernelOf(lab.machine(connector)));
    const joined = new Joined(await install(world), lab, bare);
    await settle(world, { ms: 20_000 });
    return joined;
  }

  machine(name: string): Machine {
    return this.lab.machine(name);
  }

  agent(connector: string): Started {
    const agent = this.installation.agents.get(connector);
    if (agent === undefined) throw new RangeError(`"${connector}" has no agent`);
    return agent;
  }

  startAgent(connector: string): void {
    this.installation.agents.set(connector, startAgent(this.machine(connector)));
  }

  async killAgent(connector: string): Promise<void> {
    this.agent(connector).kill('SIGKILL');
    await this.agent(connector).ended();
  }

  async killControlPlane(): Promise<void> {
    this.installation.controlPlane.kill('SIGKILL');
    await this.installation.controlPlane.ended();
  }

  /** Waits until the agent says that everything is applied. */
  async applied(connector: string): Promise<void> {
    const machine = this.machine(connector);
    await eventually(async () => (await statusOf(machine)).isApplied || undefined, {
      ms: 20_000,
      what: `the agent of "${connector}" to have applied`,
    });
  }

  /** Counts packets from both ends of a path at 100 a second each, while `disturb` runs. */
  async trafficWhile(
    path: Path,
    seconds: number,
    disturb: () => Promise<void>,
    { family = 'ipv4' }: { readonly family?: 'ipv4' | 'ipv6' } = {},
  ): Promise<Traffic> {
    const before = await this.#leaked();
    const flow = { seconds, family, packetsPerSecond: 100 };
    const opposite = { from: path.to, to: path.from };
    const [there, back] = await Promise.all([
      streamWhile(this.world, { ...flow, path }, disturb),
      streamWhile(this.world, { ...flow, path: opposite }, async () => {}),
    ]);
    return { there, back, inClear: (await this.#leaked()) - before };
  }

  /** Waits until a packet has gone from one host to the other and back. */
  async reached({ from, to }: Path, { ms }: { readonly ms: number }): Promise<void> {
    const host = this.world.hosts.get(from.name);
    await eventually(() => host?.ask({ kind: 'mirror', protocol: 'udp', to: to.ipv4 }), {
      ms,
      what: `"${from.name}" to reach "${to.name}"`,
      everyMs: 1,
    });
  }

  async #leaked(): Promise<number> {
    const counts = await Promise.all(
      LEAK_COUNTERS.map(async ({ machine, table, counter }) => {
        const counted = ['nft', 'list', 'counter', ...table.split(' '), counter];
        const text = await this.machine(machine).run(counted);
        return Number(/packets ([0-9]+)/.exec(text)?.[1]);
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }
}

/** The name of the tunnel of a machine; empty when it has none. */
export async function tunnelOf(machine: Machine): Promise<string> {
  return (await machine.run(['wg', 'show', 'interfaces'])).trim();
}

/**
 * Everything an agent changes on a host, as sorted text without what changes by itself:
 * counters, handshakes, and the number of an interface, which is new when it is made again.
 */
export async function kernelOf(machine: Machine): Promise<string> {
  const text = await machine.run(['sh', '-c', LOOK]);
  return text.split('\n').sort().join('\n');
}

/** As {@link kernelOf}, without link-local addresses: an interface that was down gets new ones. */
export async function lastingKernelOf(machine: Machine): Promise<string> {
  const lines = (await kernelOf(machine)).split('\n');
  return lines.filter((line) => !/\bf(e80|f00):/.test(line)).join('\n');
}

const LOOK = `
  ip -o link show | sed -E 's/^[0-9]+: //; s/NO-CARRIER,|,LOWER_UP//g; s/ state [A-Z]+//'
  ip -o address show | sed 's/^[0-9]*: //'
  ip rule; ip -6 rule
  ip route show table all
  ip -6 route show table all
  nft list ruleset
  for part in public-key listen-port allowed-ips persistent-keepalive preshared-keys; do
    wg show all $part | while read -r link peer words; do
      echo "$link" "$peer" $(printf '%s\\n' $words | sort)
    done
  done
  grep . /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv4/conf/*/rp_filter \
    /proc/sys/net/ipv6/conf/*/forwarding /proc/sys/net/ipv6/conf/*/accept_ra \
    /proc/sys/net/ipv4/ip_forward
`;

export type Handshakes = ReadonlyMap<string, number>;

/** Seconds since 1970 of the last handshake with each peer, by its public key. */
export async function handshakesOf(machine: Machine): Promise<Handshakes> {
  const listed = await machine.run(['wg', 'show', 'all', 'latest-handshakes']);
  const rows = listed.trim().split('\n');
  return new Map(rows.map((row) => row.split('\t')).map(([, peer = '', at]) => [peer, Number(at)]));
}

/** Handshakes that came before their time: somebody disturbed a session. */
export function untimely(before: Handshakes, after: Handshakes): string[] {
  return [...after]
    .filter(([peer, at]) => {
      const last = before.get(peer) ?? 0;
      return at !== last && at - last < REKEY_AFTER_SECONDS;
    })
    .map(([peer, at]) => `${peer} after ${at - (before.get(peer) ?? 0)} s`);
}

/**
 * Two gateways that begin at once may cross and begin again 5 s later by themselves (WireGuard
 * whitepaper §6.1, Rekey-Timeout); only after that is a handshake somebody's doing.
 */
export function settledHandshakes(machine: Machine): Promise<Handshakes> {
  let seen = '';
  let since = 0;
  return eventually(
    async () => {
      const current = await handshakesOf(machine);
      const text = JSON.stringify([...current].sort());
      if (text !== seen) since = performance.now();
      seen = text;
      return performance.now() - since > REKEY_TIMEOUT_MS + 1000 ? current : undefined;
    },
    { ms: 30_000, what: `handshakes of "${machine.name}" to settle`, everyMs: 250 },
  );
}
