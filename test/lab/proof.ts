/**
 * The proof that sites are joined as they should be: real packets between real hosts, and
 * what the far host saw as their source. It knows the world and nothing of what joins it.
 *
 * @module
 */
import type { Host } from './host.ts';
import {
  LEAK_COUNTERS,
  PROVIDER_NAT,
  SITES,
  type Site,
  type SiteHost,
  type World,
} from './world.ts';

/** Which of a host's addresses is meant. */
export type Family = 'ipv4' | 'ipv6';

/** Two hosts at different sites. */
export type Path = { readonly from: SiteHost; readonly to: SiteHost };

/** One line of the proof. */
export type Finding = (
  | {
      readonly kind: 'source';
      readonly path: Path;
      readonly family: Family;
      /** `call-back`: the server at `to` opens a connection to the client at `from`. */
      readonly probe: Probe;
    }
  | { readonly kind: 'route'; readonly path: Path; readonly family: Family }
  | { readonly kind: 'absence'; readonly what: string; readonly where: string }
) & {
  /** An address that the far host saw, the hops of a path, or what should not be there. */
  readonly seen: string;
  /** What had to be seen, for people. */
  readonly expected: string;
  readonly holds: boolean;
};

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];
const PROBES = ['tcp', 'udp', 'icmp', 'call-back'] as const;

export type Probe = (typeof PROBES)[number];

/** Waits until each site reaches each other one. Gives up silently: the proof will say it. */
export async function settle(world: World, { ms }: { readonly ms: number }): Promise<void> {
  const end = performance.now() + ms;
  await Promise.all(
    paths().map(async ({ from, to }) => {
      while (performance.now() < end) {
        const answer = hostOf(world, from).ask({ kind: 'mirror', protocol: 'udp', to: to.ipv4 });
        if (await answer.then(() => true).catch(() => false)) return;
      }
    }),
  );
}

/**
 * Every line of the proof, always in the same order. Each probe is sent once: a lost packet
 * is a line that fails.
 */
export async function prove(world: World): Promise<Finding[]> {
  const sources = paths().map(async (path) => {
    const findings: Finding[] = [];
    for (const family of FAMILIES) {
      for (const probe of PROBES) findings.push(await proveSource(world, path, probe, family));
    }
    return findings;
  });
  const routes = paths().map((path) =>
    Promise.all(FAMILIES.map((family) => proveRoute(world, path, family))),
  );
  const packets = await Promise.all([...sources, ...routes]);
  return [...packets.flat(), await proveNoNat(world), ...(await proveNoLeak(world))];
}

/** Each ordered pair of sites. */
function paths(): Path[] {
  return SITES.flatMap((near) =>
    SITES.filter((far) => far !== near).map((far) => ({ from: near.hosts[0], to: far.hosts[1] })),
  );
}

async function proveSource(
  world: World,
  path: Path,
  probe: Probe,
  family: Family,
): Promise<Finding> {
  const expected = (probe === 'call-back' ? path.to : path.from)[family];
  const seen = await look(world, path, probe, family).catch((error: Error) => error.message);
  return { kind: 'source', path, family, probe, seen, expected, holds: seen === expected };
}

let lastIdentifier = process.pid % 30_000;

/** The source address that the host at the far end of the probe saw. */
async function look(world: World, { from, to }: Path, probe: Probe, family: Family) {
  const near = hostOf(world, from);
  if (probe === 'call-back') return near.ask({ kind: 'call-back', to: to[family] });
  if (probe !== 'icmp') return near.ask({ kind: 'mirror', protocol: probe, to: to[family] });
  lastIdentifier += 1;
  const identifier = lastIdentifier;
  await near.ping(to[family], identifier);
  return hostOf(world, to).sourceOfPing(identifier);
}

/** Both connectors must answer for themselves, each with an address of its own. */
async function proveRoute(world: World, path: Path, family: Family): Promise<Finding> {
  const [near, far] = [siteOf(path.from), siteOf(path.to)];
  const seen = await traceRoute(world, path, family);
  const owners = await Promise.all(
    [near, far].map(async (site) => {
      const addresses = await addressesOf(world, site.connector);
      return seen.findIndex((hop) => addresses.includes(hop));
    }),
  );
  const [nearAt = -1, farAt = -1] = owners;
  return {
    kind: 'route',
    path,
    family,
    seen: seen.join(' → '),
    expected: `${near.connector}, then ${far.connector}, then ${path.to[family]}`,
    holds: nearAt >= 0 && farAt > nearAt && seen.at(-1) === path.to[family],
  };
}

/** The address of each hop; "*" for one that did not answer. */
async function traceRoute(world: World, { from, to }: Path, family: Family): Promise<string[]> {
  const { machine } = hostOf(world, from);
  // biome-ignore format: one option and its value side by side
  const text = await machine.run(['traceroute', '-n', '-q', '1', '-w', '1', '-m', '6',
    family === 'ipv6' ? '-6' : '-4', to[family]]);
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/)[1] ?? '*');
}

/** No rule on any machine rewrites an address, but the plain gateway's towards the internet. */
async function proveNoNat({ lab }: World): Promise<Finding> {
  const rules = await Promise.all(
    lab.machines().map(async (machine) => {
      const ruleset = await machine.run(['nft', 'list', 'ruleset']);
      return ruleset
        .split('\n')
        .filter((line) => /\b(snat|dnat|masquerade|redirect)\b/.test(line))
        .map((line) => `${machine.name}: ${line.trim()}`);
    }),
  );
  const others = rules.flat().filter((rule) => rule !== PROVIDER_NAT);
  return {
    kind: 'absence',
    what: 'rules that translate addresses',
    where: 'on all machines but the plain gateway, which translates what goes to the internet',
    seen: others.length === 0 ? 'none' : others.join('; '),
    expected: 'none',
    holds: others.length === 0 && rules.flat().includes(PROVIDER_NAT),
  };
}

/** No packet of a site on the internet in clear, none through the plain gateway's NAT. */
function proveNoLeak({ lab }: World): Promise<Finding[]> {
  return Promise.all(
    LEAK_COUNTERS.map(async ({ machine, table, counter, what }): Promise<Finding> => {
      // biome-ignore format: a sentence
      const text = await lab.machine(machine)
        .run(['nft', 'list', 'counter', ...table.split(' '), counter]);
      const packets = /packets ([0-9]+)/.exec(text)?.[1] ?? 'no counter';
      return {
        kind: 'absence',
        what,
        where: `at ${machine}`,
        seen: packets,
        expected: '0',
        holds: packets === '0',
      };
    }),
  );
}

async function addressesOf({ lab }: World, machine: string): Promise<string[]> {
  const text = await lab.machine(machine).run(['ip', '-json', 'address', 'show']);
  // The form that ip-address(8) gives with -json.
  const links = JSON.parse(text) as { addr_info: { local: string }[] }[];
  return links.flatMap((link) => link.addr_info.map((info) => info.local));
}

function hostOf(world: World, { name }: SiteHost): Host {
  const host = world.hosts.get(name);
  if (host === undefined) throw new RangeError(`There is no host "${name}"`);
  return host;
}

function siteOf(host: SiteHost): Site {
  const site = SITES.find(({ hosts }) => hosts.includes(host));
  if (site === undefined) throw new RangeError(`Host "${host.name}" is at no site`);
  return site;
}
