/**
 * Says what the kernel should hold: from the configuration, the local settings, and a look at
 * the host (its networks, its addresses, names in use). Pure.
 *
 * @module
 */
import type {
  Configuration,
  InterfaceEntry,
  PeerEntry,
  RouteEntry,
} from '../protocol/configuration.ts';
import { type Endpoint, endpointAddress } from '../protocol/endpoint.ts';
import type { PublicKey } from '../protocol/keys.ts';
import {
  ADDRESS_BITS,
  type Address,
  contains,
  type Family,
  familyOf,
  hostPrefix,
  type Prefix,
  prefixOf,
} from '../protocol/net.ts';
import { PrefixTable } from '../protocol/prefix-table.ts';
import { clampRules } from './firewall-rules.ts';
import { type Protected, whyHeld } from './guard.ts';
import type { LearntEndpoints } from './learnt-endpoints.ts';
import { isOurs } from './plan.ts';
import {
  ALIAS_PREFIX,
  BACKSTOP_METRIC,
  type Desired,
  type DesiredInterface,
  type DesiredPeer,
  type DesiredRoute,
  type Held,
  type Observed,
  ROUTE_METRIC,
  ROUTE_PROTOCOL,
  type Sysctl,
} from './state.ts';

/** What the host itself decides. */
export type LocalSettings = {
  /** Interfaces are called so with a number behind: `culvert` gives `culvert0`. */
  readonly interfaceBase: string;
  readonly publicKey: PublicKey;
  /** Addresses of the control plane: never routed into the tunnel. */
  readonly controlPlaneAddresses: readonly Address[];
};

export type Wish = {
  readonly desired: Desired;
  /** What the local guard does not let through. */
  readonly held: readonly Held[];
};

/** The wish of a host that is no connector: nothing of ours. */
export const NOTHING: Desired = { interfaces: [], routes: [], firewall: [], sysctls: [] };

/**
 * Keys of sysctls that {@link desire} needs to see, or that change with those it asks for;
 * `*` stands for every link, `all` and `default`.
 */
export const SYSCTL_INTEREST: readonly string[] = [
  'net/ipv4/conf/*/forwarding',
  'net/ipv6/conf/*/accept_ra',
  'net/ipv6/conf/*/forwarding',
];

/** @param learntEndpoints where peers were heard from; goes before what the configuration says */
export function desire({
  configuration,
  local,
  observed,
  learntEndpoints = new Map(),
}: {
  readonly configuration: Configuration;
  readonly local: LocalSettings;
  readonly observed: Observed;
  readonly learntEndpoints?: LearntEndpoints;
}): Wish {
  const entries = [...configuration.entries.values()];
  const networks = entries.filter((entry) => entry.kind === 'interface');
  const names = chooseNames(networks, local.interfaceBase, observed);
  const connected = connectedPrefixes(observed);
  const parts = networks.map((own) => {
    const mine = entries.filter((entry) => entry.network === own.network);
    return desireNetwork({
      own,
      link: names.get(own.network)!, // chooseNames() names every network
      peers: mine.filter((entry) => entry.kind === 'peer'),
      routes: mine.filter((entry) => entry.kind === 'route'),
      prefixes: mine.filter((entry) => entry.kind === 'local').map((entry) => entry.prefix),
      local,
      observed,
      connected,
      learntEndpoints,
    });
  });
  const interfaces = parts.map((part) => part.wanted);
  return {
    desired: {
      interfaces,
      routes: parts.flatMap((part) => part.routes),
      firewall: clampRules(interfaces),
      sysctls: forwardingSysctls({
        links: [...names.values(), ...parts.flatMap((part) => part.lanLinks)],
        needsIpv6: interfaces.some((i) => i.addresses.some((a) => familyOf(a) === 6)),
        observed,
      }),
    },
    held: parts.flatMap((part) => part.held),
  };
}

type NetworkInput = {
  readonly own: InterfaceEntry;
  readonly link: string;
  readonly peers: readonly PeerEntry[];
  readonly routes: readonly RouteEntry[];
  /** Behind the own site. */
  readonly prefixes: readonly Prefix[];
  readonly local: LocalSettings;
  readonly observed: Observed;
  readonly connected: PrefixTable<string>;
  readonly learntEndpoints: LearntEndpoints;
};

type NetworkPart = {
  readonly wanted: DesiredInterface;
  readonly routes: readonly DesiredRoute[];
  readonly lanLinks: readonly string[];
  readonly held: readonly Held[];
};

function desireNetwork(input: NetworkInput): NetworkPart {
  const { own, link, peers, prefixes, local, observed, connected } = input;
  const lan = lanAddresses(prefixes, observed);
  const shield: Protected = { connected, local: prefixes, underlay: underlayOf(peers, local) };
  const held: Held[] = [];
  const allowed = input.routes.filter((route) => {
    const reason = whyHeld(route.prefix, shield);
    const operation = `route ${route.prefix} of site ${route.site}`;
    if (reason !== undefined) held.push({ operation, reason });
    return reason === undefined;
  });
  const sourceFor = (family: Family): Address | undefined =>
    lan.find((a) => familyOf(a.address) === family)?.address ??
    own.addresses.find((address) => familyOf(address) === family);
  return {
    wanted: {
      name: link,
      alias: `${ALIAS_PREFIX}${own.network}`,
      mtuBytes: own.mtuBytes,
      addresses: own.addresses.map(hostPrefix),
      listenPort: own.listenPort,
      publicKey: local.publicKey,
      peers: desiredPeers(peers, allowed, input.learntEndpoints),
    },
    routes: [
      ...allowed.map(({ prefix, via }) => ({ prefix, isCarried: via !== undefined })),
      ...own.overlayPrefixes.map((prefix) => ({ prefix, isCarried: true })),
    ].flatMap(({ prefix, isCarried }) => [
      ...(isCarried ? [tunnelRoute(prefix, link, sourceFor(familyOf(prefix)))] : []),
      backstop(prefix),
    ]),
    lanLinks: lanLinks(prefixes, observed),
    held,
  };
}

function desiredPeers(
  peers: readonly PeerEntry[],
  routes: readonly RouteEntry[],
  learntEndpoints: LearntEndpoints,
): DesiredPeer[] {
  const prefixesVia = Map.groupBy(routes, (route) => route.via);
  return peers.map(({ publicKey, overlayAddresses, endpoint, keepaliveSeconds }) => ({
    publicKey,
    allowedIps: [
      ...overlayAddresses.map(hostPrefix),
      ...(prefixesVia.get(publicKey) ?? []).map((route) => route.prefix),
    ],
    // An absent member reads as undefined.
    endpoint: learntEndpoints.get(publicKey)?.endpoint ?? (endpoint as Endpoint | undefined),
    keepaliveSeconds,
  }));
}

function tunnelRoute(prefix: Prefix, link: string, source: Address | undefined): DesiredRoute {
  return { kind: 'device', prefix, link, metric: ROUTE_METRIC, source };
}

/** Stands behind the way into the tunnel, or alone: the prefix never leaves in clear. */
function backstop(prefix: Prefix): DesiredRoute {
  return { kind: 'unreachable', prefix, metric: BACKSTOP_METRIC };
}

/** Keeps the name of a link that carries the network's alias; else takes the next free one. */
function chooseNames(
  networks: readonly InterfaceEntry[],
  base: string,
  observed: Observed,
): Map<string, string> {
  const names = new Map<string, string>();
  for (const { network } of networks) {
    const link = observed.links.find((l) => l.alias === `${ALIAS_PREFIX}${network}`);
    if (link !== undefined) names.set(network, link.name);
  }
  const taken = new Set(observed.links.map((link) => link.name));
  for (const { network } of networks) {
    if (names.has(network)) continue;
    let number = 0;
    while (taken.has(`${base}${number}`)) number++;
    taken.add(`${base}${number}`);
    names.set(network, `${base}${number}`);
  }
  return names;
}

/** Prefixes of the host's interfaces that are not ours; host prefixes and loopback left out. */
function connectedPrefixes(observed: Observed): PrefixTable<string> {
  const ours = new Set(observed.links.filter(isOurs).map((link) => link.name));
  return new PrefixTable(
    observed.addresses
      .filter(({ link, address, length }) => {
        return !ours.has(link) && link !== 'lo' && length < ADDRESS_BITS[familyOf(address)];
      })
      .map(({ link, address, length }) => [prefixOf(address, length), link] as const),
  );
}

/** The host's addresses inside the prefixes of its own site, in a stable order. */
function lanAddresses(prefixes: readonly Prefix[], observed: Observed) {
  const ours = new Set(observed.links.filter(isOurs).map((link) => link.name));
  return observed.addresses
    .filter(({ link }) => !ours.has(link))
    .filter(({ address }) => prefixes.some((prefix) => contains(prefix, address)))
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
}

/** Interfaces behind which the own site lies: by their address, or by a route to a part of it. */
function lanLinks(prefixes: readonly Prefix[], observed: Observed): string[] {
  const routed = observed.routes.filter(
    (route) =>
      route.protocol !== ROUTE_PROTOCOL && prefixes.some((own) => contains(own, route.prefix)),
  );
  const links = new Set([...lanAddresses(prefixes, observed), ...routed].map(({ link }) => link));
  return [...links]
    .filter((link) => link !== undefined)
    .filter((link) => link !== 'lo')
    .sort();
}

function underlayOf(peers: readonly PeerEntry[], local: LocalSettings): Protected['underlay'] {
  return [
    ...peers.flatMap(({ endpoint, site, connector }) =>
      endpoint === undefined
        ? []
        : [{ address: endpointAddress(endpoint), what: `the endpoint of ${site}/${connector}` }],
    ),
    ...local.controlPlaneAddresses.map((address) => ({ address, what: 'the control plane' })),
  ];
}

/**
 * Forwarding, only where it is needed. IPv4 asks the interface a packet comes in by
 * (`linux:net/ipv4/route.c`, IN_DEV_FORWARD), so the tunnel and the LAN get it and nothing
 * else. IPv6 asks the host as a whole (`linux:net/ipv6/ip6_output.c`, ip6_forward); a host
 * that turns into a router ignores router advertisements (ip-sysctl, accept_ra), and one that
 * lives by them would lose its default route: those interfaces get accept_ra 2 first.
 */
function forwardingSysctls({
  links,
  needsIpv6,
  observed,
}: {
  readonly links: readonly string[];
  readonly needsIpv6: boolean;
  readonly observed: Observed;
}): Sysctl[] {
  const ipv4 = [...new Set(links)].map((link) => ({
    key: `net/ipv4/conf/${link}/forwarding`,
    value: '1',
  }));
  if (!needsIpv6) return ipv4;
  const ours = new Set(observed.links.filter(isOurs).map((link) => link.name));
  const isHost = observed.sysctls.get('net/ipv6/conf/all/forwarding') === '0';
  const advertised = [...observed.sysctls]
    .filter(([key, value]) => isHost && key.endsWith('/accept_ra') && value === '1')
    .map(([key]) => key.split('/').at(-2) ?? '')
    .filter((link) => !['all', 'default', 'lo'].includes(link) && !ours.has(link))
    .map((link) => ({ key: `net/ipv6/conf/${link}/accept_ra`, value: '2' }));
  return [...ipv4, ...advertised, { key: 'net/ipv6/conf/all/forwarding', value: '1' }];
}
