/**
 * The world of the demo and of the lab's tests: an internet, a control plane on it, and three
 * sites. At `hq` and `branch` the connector is the default gateway. At `plant` it stands
 * beside one that knows nothing of Culvert but a static route, and that translates what goes
 * to the internet, as such gateways do.
 *
 * @module
 */
import { Host } from './host.ts';
import type { Lab } from './lab.ts';
import { build, type Node, type Topology } from './topology.ts';

export const DRAWING = `
                             control-plane
                              192.0.2.66
                                   │
       ┌───────────────────── internet ──────────────────────┐
       │ 198.51.100.0/24           │ 203.0.113.0/24          │ 192.0.2.0/26
  hq-gateway .2              branch-gateway .2         plant-gateway .2 (plain, NAT to WAN)
   10.1.0.1                   10.2.0.1                  10.3.0.1 ── plant-connector
   fd00:1::1                  fd00:2::1                 fd00:3::1   10.3.0.2 fd00:3::2
       │                          │                          │
  ┌────┴────┐                ┌────┴────┐                ┌────┴────┐
hq-1      hq-2           branch-1  branch-2          plant-1   plant-2
10.1.0.10 10.1.0.11      10.2.0.10 10.2.0.11         10.3.0.10 10.3.0.11
fd00:1::10 fd00:1::11    fd00:2::10 fd00:2::11       fd00:3::10 fd00:3::11
`;

export type Site = {
  readonly name: string;
  /** What the site announces. */
  readonly prefixes: readonly [ipv4: string, ipv6: string];
  /** The machine that runs the agent. */
  readonly connector: string;
  /** Where other connectors reach it; undefined behind NAT, where it must speak first. */
  readonly endpoint?: string;
  /** Its plain hosts; each has one address of either family. */
  readonly hosts: readonly [SiteHost, SiteHost];
};

export type SiteHost = { readonly name: string; readonly ipv4: string; readonly ipv6: string };

export const SITES: readonly Site[] = [
  site(1, 'hq', { connector: 'hq-gateway', endpoint: '198.51.100.2:51820' }),
  site(2, 'branch', { connector: 'branch-gateway', endpoint: '203.0.113.2:51820' }),
  site(3, 'plant', { connector: 'plant-connector' }),
];

/** On the internet, where agents reach it. */
export const CONTROL_PLANE_ADDRESS = '192.0.2.66';

/** Prefixes of all sites: what must never be seen outside a tunnel. */
const SITE_RANGES = { ipv4: '10.0.0.0/8', ipv6: 'fd00::/8' };

/** Counters in nft(8) tables of plain machines, which must stay at 0. */
export const LEAK_COUNTERS = [
  {
    machine: 'internet',
    table: 'inet internet',
    counter: 'in-clear',
    what: 'packets of a site in clear',
  },
  {
    machine: 'plant-gateway',
    table: 'ip gateway',
    counter: 'translated',
    what: 'flows to a site through its NAT',
  },
] as const;

/** The one NAT rule of the world, as nft(8) lists it: see the plain gateway's firewall. */
export const PROVIDER_NAT = 'plant-gateway: oifname "wan0" masquerade';

/** Before routing, because the internet has no route for what it must never see. */
const INTERNET_FIREWALL = `
table inet internet {
  counter in-clear { }
  chain prerouting {
    type filter hook prerouting priority raw
    ip saddr ${SITE_RANGES.ipv4} counter name in-clear
    ip daddr ${SITE_RANGES.ipv4} counter name in-clear
    ip6 saddr ${SITE_RANGES.ipv6} counter name in-clear
    ip6 daddr ${SITE_RANGES.ipv6} counter name in-clear
  }
}`;

/** The plain gateway's own NAT: everything to the internet, the connector's tunnel included. */
const PLANT_GATEWAY_FIREWALL = `
table ip gateway {
  counter translated { }
  chain postrouting {
    type nat hook postrouting priority srcnat
    oifname wan0 ip daddr ${SITE_RANGES.ipv4} counter name translated
    oifname wan0 masquerade
  }
}`;

const toInternet = (gateway: string) => [`default via ${gateway}`];

const WORLD: Topology = {
  internet: {
    isRouter: true,
    links: {
      hq0: { segment: 'hq-wan', addresses: ['198.51.100.1/24'] },
      branch0: { segment: 'branch-wan', addresses: ['203.0.113.1/24'] },
      plant0: { segment: 'plant-wan', addresses: ['192.0.2.1/26'] },
      control0: { segment: 'control-wan', addresses: ['192.0.2.65/26'] },
    },
    firewall: INTERNET_FIREWALL,
  },
  'control-plane': {
    links: { eth0: { segment: 'control-wan', addresses: [`${CONTROL_PLANE_ADDRESS}/26`] } },
    routes: toInternet('192.0.2.65'),
  },
  'hq-gateway': {
    isRouter: true,
    links: { wan0: { segment: 'hq-wan', addresses: ['198.51.100.2/24'] }, ...lan('hq', 1, 1) },
    routes: toInternet('198.51.100.1'),
  },
  'branch-gateway': {
    isRouter: true,
    links: {
      wan0: { segment: 'branch-wan', addresses: ['203.0.113.2/24'] },
      ...lan('branch', 2, 1),
    },
    routes: toInternet('203.0.113.1'),
  },
  'plant-gateway': {
    isRouter: true,
    links: { wan0: { segment: 'plant-wan', addresses: ['192.0.2.2/26'] }, ...lan('plant', 3, 1) },
    routes: [
      ...toInternet('192.0.2.1'),
      ...SITES.filter(({ name }) => name !== 'plant').flatMap(({ prefixes: [ipv4, ipv6] }) => [
        `${ipv4} via 10.3.0.2`,
        `${ipv6} via fd00:3::2`,
      ]),
    ],
    firewall: PLANT_GATEWAY_FIREWALL,
  },
  'plant-connector': {
    links: lan('plant', 3, 2),
    routes: toInternet('10.3.0.1'),
  },
  ...Object.fromEntries(SITES.flatMap((own, index) => hostsOf(own, index + 1))),
};

/** The lab built as the world, with the program running on every plain host. */
export type World = { readonly lab: Lab; readonly hosts: ReadonlyMap<string, Host> };

export async function createWorld(lab: Lab): Promise<World> {
  await build(lab, WORLD);
  const names = SITES.flatMap(({ hosts }) => hosts.map((host) => host.name));
  const hosts = await Promise.all(
    names.map(async (name) => [name, await Host.start(lab.machine(name))] as const),
  );
  return { lab, hosts: new Map(hosts) };
}

function site(number: number, name: string, rest: Pick<Site, 'connector' | 'endpoint'>): Site {
  const host = (index: number): SiteHost => ({
    name: `${name}-${index}`,
    ipv4: `10.${number}.0.${9 + index}`,
    ipv6: `fd00:${number}::${9 + index}`,
  });
  return {
    name,
    prefixes: [`10.${number}.0.0/16`, `fd00:${number}::/64`],
    ...rest,
    hosts: [host(1), host(2)],
  };
}

function lan(name: string, number: number, host: number): Node['links'] {
  const addresses = [`10.${number}.0.${host}/24`, `fd00:${number}::${host}/64`];
  return { lan0: { segment: `${name}-lan`, addresses } };
}

/** Hosts know their default gateway and nothing else. */
function hostsOf({ name, hosts }: Site, number: number): [string, Node][] {
  return hosts.map((host) => [
    host.name,
    {
      links: {
        eth0: {
          segment: `${name}-lan`,
          addresses: [`${host.ipv4}/24`, `${host.ipv6}/64`],
        },
      },
      routes: [`default via 10.${number}.0.1`, `default via fd00:${number}::1`],
    },
  ]);
}
