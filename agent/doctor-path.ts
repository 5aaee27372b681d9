/**
 * The doctor's checks of the way a packet takes: kernel settings, routes, firewalls, peers, MTU,
 * and the way back through the LAN. Pure.
 *
 * @module
 */
import type { Configuration } from '../protocol/configuration.ts';
import { endpointAddress } from '../protocol/endpoint.ts';
import {
  type Address,
  addressAt,
  contains,
  type Family,
  familyOf,
  networkAddress,
  type Prefix,
  prefixLength,
} from '../protocol/net.ts';
import { PrefixTable } from '../protocol/prefix-table.ts';
import type { Wish } from './desire.ts';
import { type Facts, type Finding, ok } from './finding.ts';
import { type Obstacle, obstacles, type Packet } from './forward-filter.ts';
import { isOurs } from './plan.ts';
import { REJECT_AFTER_SECONDS } from './plan-peers.ts';
import { returnRouteCommands } from './return-route.ts';
import { type Observed, type ObservedRoute, ROUTE_METRIC, ROUTE_PROTOCOL } from './state.ts';
import { peerNames } from './status.ts';

/** Outer IP, UDP and WireGuard headers with the authentication tag (whitepaper §5.4.6). */
const OVERHEAD_BYTES: Readonly<Record<Family, number>> = { 4: 60, 6: 80 };

/** rp_filter: 1 is strict (`linux:Documentation/networking/ip-sysctl.rst`). */
const STRICT = 1;

/** Firewalls match few prefixes by name; beyond this many ours are alike to them. */
const MAX_SAMPLES = 64;

/** RTPROT_KERNEL: a connected route, which comes with an address (rtnetlink(7)). */
const CONNECTED = 2;

export function checkForwarding({ observed }: Facts, { desired }: Wish): Finding[] {
  const wrong = desired.sysctls.filter(({ key, value }) => observed.sysctls.get(key) !== value);
  if (wrong.length === 0) return [ok('forwarding', 'packets are forwarded on every link needed')];
  return [
    {
      id: 'forwarding',
      state: 'fail',
      finding: 'packets are not forwarded: a kernel setting is not as needed',
      evidence: wrong
        .map(({ key }) => `${key} is ${observed.sysctls.get(key) ?? 'absent'}`)
        .join(', '),
      remedy: wrong.map(({ key, value }) => `sysctl -w ${shellWord(key)}=${value}`),
    },
  ];
}

/** Routes of others that win against ours: the same prefix before us, or a longer one. */
export function checkForeignRoutes({ observed }: Facts, { desired }: Wish): Finding[] {
  const ours = new PrefixTable(
    desired.routes.flatMap((route) =>
      route.kind === 'device' ? [[route.prefix, route.link] as const] : [],
    ),
  );
  const findings = observed.routes.filter(isForeign).flatMap((route) =>
    ours
      .overlapping(route.prefix)
      .filter(({ prefix }) => isBefore(route, prefix))
      .map(
        ({ value: link }): Finding => ({
          id: 'foreign-route',
          state: 'fail',
          finding: `a route of another program takes ${route.prefix} away from ${link}`,
          evidence: explainForeign(route),
          remedy: [deleteRoute(route)],
        }),
      ),
  );
  if (findings.length > 0) return findings;
  return [ok('foreign-route', 'no route of another program takes traffic from the tunnel')];
}

function explainForeign({ prefix, link, kind, metric, protocol }: ObservedRoute): string {
  return `${prefix} to ${link ?? kind}, metric ${metric}, protocol ${protocol}`;
}

function isForeign({ protocol }: ObservedRoute): boolean {
  return protocol !== ROUTE_PROTOCOL && protocol !== CONNECTED;
}

function isBefore(route: ObservedRoute, own: Prefix): boolean {
  if (route.prefix === own) return route.metric < ROUTE_METRIC;
  return contains(own, route.prefix) && prefixLength(route.prefix) > prefixLength(own);
}

function deleteRoute({ prefix, metric, protocol, link }: ObservedRoute): string {
  const family = familyOf(prefix) === 6 ? ' -6' : '';
  const device = link === undefined ? '' : ` dev ${shellWord(link)}`;
  const rank = metric === 0 ? '' : ` metric ${metric}`;
  return `ip${family} route delete ${prefix}${device} proto ${protocol}${rank}`;
}

/** A strict filter drops what comes in by another link than the way back (RFC 3704 §2.2). */
export function checkReversePath({ observed }: Facts, { desired }: Wish): Finding[] {
  const table = bestRoutes(observed.routes);
  const dropped = desired.routes.flatMap((route) => {
    if (route.kind !== 'device' || familyOf(route.prefix) === 6) return [];
    const back = table.match(networkAddress(route.prefix))?.value.link;
    return back !== route.link && reversePathFilter(observed, route.link) === STRICT
      ? [{ ...route, back }]
      : [];
  });
  if (dropped.length === 0) return [ok('rp-filter', 'no reverse path filter drops our packets')];
  return dropped.map(({ prefix, link, back }) => ({
    id: 'rp-filter',
    state: 'fail',
    finding: `packets from ${prefix} are dropped where they come in, on ${link}`,
    evidence: `rp_filter of ${link} is strict, and the way back is ${back ?? 'nowhere'}`,
    remedy: [`sysctl -w ${shellWord(`net/ipv4/conf/${link}/rp_filter`)}=2`],
  }));
}

/** The larger of the link's and that of all (`linux:include/linux/inetdevice.h`). */
function reversePathFilter({ sysctls }: Observed, link: string): number {
  const read = (name: string) => Number(sysctls.get(`net/ipv4/conf/${name}/rp_filter`) ?? 0);
  return Math.max(read('all'), read(link));
}

function bestRoutes(routes: readonly ObservedRoute[]): PrefixTable<ObservedRoute> {
  return new PrefixTable(
    [...routes].sort((a, b) => b.metric - a.metric).map((route) => [route.prefix, route] as const),
  );
}

export function checkFirewall({ ruleset, configuration, observed }: Facts, wish: Wish): Finding[] {
  const stopped = new Map<string, { obstacle: Obstacle; links: Set<string> }>();
  for (const { packet, link } of samplePackets(configuration, wish, observed)) {
    for (const obstacle of obstacles(ruleset, packet)) {
      const key = `${obstacle.family} ${obstacle.table} ${obstacle.chain} ${obstacle.by}`;
      const known = stopped.get(key) ?? { obstacle, links: new Set() };
      stopped.set(key, { ...known, links: known.links.add(link) });
    }
  }
  if (stopped.size === 0) return [ok('firewall', 'no firewall of another stops our packets')];
  return [...stopped.values()].map(({ obstacle, links }) => {
    const { family, table, chain, by, isCertain } = obstacle;
    const where = `chain "${chain}" of table ${family} ${table}`;
    return {
      id: 'firewall',
      state: isCertain ? 'fail' : 'warn',
      finding: `${where} ${isCertain ? 'drops' : 'may drop'} what goes through the tunnel`,
      evidence: `${by}${isCertain ? '' : ', behind rules that are not understood here'}`,
      remedy: [...links].flatMap((link) => firewallRemedy(obstacle, link)),
    };
  });
}

/** In the place that is meant for it, so that the firewall's owner does not take it away. */
function firewallRemedy(obstacle: Obstacle, name: string): string[] {
  const { owner, family } = obstacle;
  const [table, chain, link] = [obstacle.table, obstacle.chain, name].map(shellWord);
  switch (owner) {
    case 'docker':
      return ['iifname', 'oifname'].map(
        (side) => `nft insert rule ${family} ${table} DOCKER-USER ${side} ${link} accept`,
      );
    case 'ufw':
      return [`ufw route allow in on ${link}`, `ufw route allow out on ${link}`];
    case 'firewalld':
      return [
        `firewall-cmd --permanent --zone=trusted --add-interface=${link}`,
        'firewall-cmd --permanent --new-policy=culvert',
        'firewall-cmd --permanent --policy=culvert --add-ingress-zone=ANY',
        'firewall-cmd --permanent --policy=culvert --add-egress-zone=ANY',
        'firewall-cmd --permanent --policy=culvert --set-target=ACCEPT',
        'firewall-cmd --reload',
      ];
    case 'unknown':
      return [
        ...['iifname', 'oifname'].map(
          (side) => `nft insert rule ${family} ${table} ${chain} ${side} ${link} accept`,
        ),
        '# and write it where this firewall is kept, or it is gone after a restart',
      ];
  }
}

/** Names of others may hold what a shell would obey. */
function shellWord(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** One packet each way between every prefix of the own site and every remote one's first host. */
function samplePackets(configuration: Configuration, { desired }: Wish, observed: Observed) {
  const table = bestRoutes(observed.routes);
  const locals = [...configuration.entries.values()].filter((entry) => entry.kind === 'local');
  const remotes = desired.routes.filter((route) => route.kind === 'device').slice(0, MAX_SAMPLES);
  return locals.flatMap(({ prefix: own }) => {
    const host = lanHost(own, observed);
    const lan = table.match(host)?.value.link;
    if (lan === undefined) return [];
    return remotes
      .filter(({ prefix }) => familyOf(prefix) === familyOf(own))
      .flatMap(({ prefix, link }): { packet: Packet; link: string }[] => {
        const far = firstHost(prefix);
        const there = { incoming: lan, outgoing: link, source: host, destination: far };
        const back = { incoming: link, outgoing: lan, source: far, destination: host };
        return [
          { packet: there, link },
          { packet: back, link },
        ];
      });
  });
}

/** This host's own address there, else the first of the prefix. */
function lanHost(own: Prefix, observed: Observed): Address {
  return (
    observed.addresses.find(({ address }) => contains(own, address))?.address ?? firstHost(own)
  );
}

function firstHost(prefix: Prefix): Address {
  const isHost = prefixLength(prefix) === (familyOf(prefix) === 6 ? 128 : 32);
  return isHost ? networkAddress(prefix) : addressAt(prefix, 1n);
}

export function checkPeers({ configuration, observed, status }: Facts): Finding[] {
  const nameOf = peerNames(configuration);
  const configured = new Map(
    [...configuration.entries.values()].flatMap((entry) =>
      entry.kind === 'peer' ? [[entry.publicKey, entry] as const] : [],
    ),
  );
  return observed.devices.flatMap(({ link, listenPort, peers }) =>
    peers.map((peer): Finding => {
      const name = nameOf(peer.publicKey);
      const age = peer.handshakeAgeSeconds;
      if (age !== undefined && age < REJECT_AFTER_SECONDS) {
        return ok('peer', `${name} answers`, `handshake ${age} s ago`);
      }
      const endpoint = configured.get(peer.publicKey)?.endpoint;
      const seen = age === undefined ? 'no handshake ever' : `last handshake ${age} s ago`;
      const evidence = `${seen}, ${peer.sentBytes} bytes sent, ${peer.receivedBytes} received`;
      if (endpoint === undefined) {
        const finding = `${name} has not spoken yet; it has no endpoint and must speak first`;
        return { id: 'peer', state: 'warn', finding, evidence };
      }
      const port = listenPort === 0 ? (status?.interfaces[0]?.listenPort ?? 0) : listenPort;
      return {
        id: 'peer',
        state: 'fail',
        finding: `${name} does not answer at ${endpoint}`,
        evidence,
        remedy: [
          `# there: allow UDP to ${endpoint} in every firewall and NAT before it, see that its ` +
            'agent runs',
          `# here: allow UDP from port ${port} out; watch it: tcpdump -ni any udp port ${port} ` +
            `(${link})`,
        ],
      };
    }),
  );
}

export function checkMtu({ configuration, observed }: Facts, { desired }: Wish): Finding[] {
  const table = bestRoutes(observed.routes);
  const mtuOf = new Map(observed.links.map((link) => [link.name, link.mtuBytes]));
  const findings = desired.interfaces.flatMap(({ name, mtuBytes, peers }): Finding[] => {
    const ways = peers.flatMap(({ endpoint }) => {
      if (endpoint === undefined) return [];
      const address = endpointAddress(endpoint);
      const link = table.match(address)?.value.link;
      const room = mtuOf.get(link ?? '');
      return room === undefined ? [] : [{ link, fits: room - OVERHEAD_BYTES[familyOf(address)] }];
    });
    const narrowest = ways.sort((a, b) => a.fits - b.fits)[0];
    if (narrowest === undefined || narrowest.fits >= mtuBytes) return [];
    const network = [...configuration.entries.values()].find((e) => e.kind === 'interface');
    return [
      {
        id: 'mtu',
        state: 'warn',
        finding: `the tunnel's MTU does not fit ${narrowest.link}: its packets are fragmented`,
        evidence: `MTU of ${name} ${mtuBytes}, room for ${narrowest.fits}`,
        remedy: [
          `# as operator: culvert network update ${network?.networkName} --mtu ${narrowest.fits}`,
        ],
      },
    ];
  });
  return findings.length > 0 ? findings : [ok('mtu', 'the tunnel fits into the links below it')];
}

/**
 * On the default gateway itself there is nothing to return through. Beside it, what came back
 * proves that the gateway routes the first address of the prefix to this host; what did not
 * come back may also have been dropped by the gateway's firewall, and is not needed where
 * every host has the route itself.
 */
export function checkReturnRoute({ returnProbes, gateways, observed }: Facts): Finding[] {
  if (returnProbes.length === 0) {
    const ours = new Set(observed.links.filter(isOurs).map(({ name }) => name));
    const out = gateways.filter(({ link }) => !ours.has(link)).map(({ link }) => link);
    const evidence = out.length === 0 ? 'no default gateway' : `default route by ${out.join(', ')}`;
    return [ok('return-route', 'this host is no host behind a gateway of its LAN', evidence)];
  }
  return returnProbes.map(({ gateway, via, answersUs, prefixes }): Finding => {
    const missing = prefixes.filter(({ cameBack }) => !cameBack).map(({ prefix }) => prefix);
    if (missing.length === 0) {
      const evidence = `echo replies came back from ${prefixes.length} prefixes' first addresses`;
      return ok(
        'return-route',
        `${gateway.address} routes the remote prefixes to ${via}`,
        evidence,
      );
    }
    if (!answersUs) {
      return {
        id: 'return-route',
        state: 'warn',
        finding: `whether ${gateway.address} routes the remote prefixes to ${via} is not known`,
        evidence: 'it answers no echo request, not even from this host’s own address',
      };
    }
    const commands = returnRouteCommands({
      prefixes: missing,
      via,
      defaultGateway: gateway.address,
    });
    return {
      id: 'return-route',
      state: 'fail',
      finding: `${gateway.address} does not route ${missing.join(', ')} to ${via}`,
      evidence: `it answers ${via}, but no reply to ${missing.map(networkAddress)[0]} came here`,
      remedy: commands.flatMap(({ system, lines }) => [
        `# on ${gateway.address}, ${system}:`,
        ...lines,
      ]),
    };
  });
}
