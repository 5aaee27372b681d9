/**
 * What must hold before anything is sent to an agent, stated without regard to how the
 * compiler makes it. A violation is a bug of ours; nothing is sent then, and the agents keep
 * what they have. Pure.
 *
 * What holds of a whole network holds of each of its configurations, which are parts of it. So
 * {@link checkNetwork} suffices once a change, and {@link checkInvariants} is for one alone.
 *
 * @module
 */
import type { Configuration, Entry } from '../../protocol/configuration.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import {
  type Address,
  comparePrefixes,
  contains,
  overlaps,
  type Prefix,
} from '../../protocol/net.ts';
import { whyNotASitePrefix } from '../../protocol/special-purpose.ts';
import type { CompiledNetwork } from './compile.ts';

/** A network as entries tell it, whoever they are for. */
type Told = {
  readonly networkId: string;
  readonly overlayPrefixes: readonly Prefix[];
  readonly connectors: readonly ToldConnector[];
  readonly claims: readonly Claim[];
};

type ToldConnector = {
  readonly name: string;
  readonly site: string;
  readonly publicKey: PublicKey;
  readonly addresses: readonly Address[];
};

/** "This prefix is behind that site"; told to the site itself, or to the others. */
type Claim = {
  readonly prefix: Prefix;
  readonly site: string;
  readonly isLocal: boolean;
  /** Undefined while nobody carries it. */
  readonly via?: PublicKey | undefined;
};

/**
 * @param own the connector that the configuration is for
 * @returns one sentence a violation; empty when the configuration may be sent
 */
export function checkInvariants(
  configuration: Configuration,
  own: { readonly publicKey: PublicKey },
): string[] {
  const entries = [...configuration.entries.values()];
  const interfaces = entries.filter((entry) => entry.kind === 'interface');
  const [self] = interfaces;
  if (self === undefined || interfaces.length > 1) {
    return [`the configuration has ${interfaces.length} interfaces; expected one`];
  }
  const { network: networkId, overlayPrefixes, connector: name, site, addresses } = self;
  const { connectors, claims } = toldBy(entries, site);
  const told: Told = {
    networkId,
    overlayPrefixes,
    connectors: [{ name, site, publicKey: own.publicKey, addresses }, ...connectors],
    claims,
  };
  const toItself = claims.filter((claim) => !claim.isLocal && claim.site === site);
  return [
    ...checkNetworkIds(networkId, entries),
    ...checkTold(told),
    ...toItself.map((claim) => `${labelOf(claim)} is told to a connector of that site`),
  ];
}

/** @returns one sentence a violation; empty when every configuration of it may be sent */
export function checkNetwork({ shared, sites, own }: CompiledNetwork): string[] {
  const interfaces = [...own.values()];
  const [first] = interfaces;
  if (first === undefined) {
    const peers = shared.filter(({ entry }) => entry.kind === 'peer');
    return peers.map(({ key }) => `"${key}" is told and nobody is there`);
  }
  const { network: networkId, overlayPrefixes } = first.entry;
  const entries = shared.map(({ entry }) => entry);

  // What a connector and a site are told of themselves is what the others are told of them.
  const toOthers = shared.map(({ siteId, entry }) =>
    entry.kind === 'route'
      ? `${siteId} has ${entry.prefix}`
      : `${siteId} has ${entry.connector} with ${entry.overlayAddresses}`,
  );
  const toThemselves = [
    ...interfaces.map(
      ({ siteId, entry }) => `${siteId} has ${entry.connector} with ${entry.addresses}`,
    ),
    ...[...sites].flatMap(([siteId, { locals }]) =>
      locals.map(({ prefix }) => `${siteId} has ${prefix}`),
    ),
  ];
  return [
    ...checkNetworkIds(networkId, [...entries, ...interfaces.map(({ entry }) => entry)]),
    ...checkTold({ networkId, overlayPrefixes, ...toldBy(entries) }),
    ...onlyInOne(toOthers, toThemselves).map((line) => `"${line}" is not told to both sides`),
  ];
}

/** @param localSite whose the local prefixes are */
function toldBy(entries: readonly Entry[], localSite = ''): Pick<Told, 'connectors' | 'claims'> {
  const connectors: ToldConnector[] = [];
  const claims: Claim[] = [];
  for (const entry of entries) {
    if (entry.kind === 'peer') {
      const { connector: name, site, publicKey, overlayAddresses: addresses } = entry;
      connectors.push({ name, site, publicKey, addresses });
    } else if (entry.kind === 'route') {
      const { prefix, site, via } = entry;
      claims.push({ prefix, site, via, isLocal: false });
    } else if (entry.kind === 'local') {
      claims.push({ prefix: entry.prefix, site: localSite, isLocal: true });
    }
  }
  return { connectors, claims };
}

function onlyInOne(a: readonly string[], b: readonly string[]): string[] {
  const [inA, inB] = [new Set(a), new Set(b)];
  return [...a.filter((line) => !inB.has(line)), ...b.filter((line) => !inA.has(line))];
}

function checkNetworkIds(networkId: string, entries: readonly Entry[]): string[] {
  return entries
    .filter((entry) => entry.network !== networkId)
    .map((entry) => `${entry.kind} of network "${entry.network}" among those of "${networkId}"`);
}

function checkTold(told: Told): string[] {
  return [...checkKeys(told), ...checkAddresses(told), ...checkVia(told), ...checkPrefixes(told)];
}

function checkKeys({ connectors }: Told): string[] {
  const owners = new Map<PublicKey, string>();
  return connectors.flatMap(({ publicKey, name }) => {
    const other = owners.get(publicKey);
    owners.set(publicKey, name);
    return other === undefined ? [] : [`"${other}" and "${name}" have one key, "${publicKey}"`];
  });
}

/** Each overlay address is inside an overlay prefix and has one owner. */
function checkAddresses({ connectors, overlayPrefixes }: Told): string[] {
  const owners = new Map<Address, string>();
  return connectors.flatMap(({ name, addresses }) =>
    addresses.flatMap((address) => {
      const other = owners.get(address);
      owners.set(address, name);
      const isInside = overlayPrefixes.some((overlay) => contains(overlay, address));
      return [
        ...(other === undefined ? [] : [`"${other}" and "${name}" have one address, "${address}"`]),
        ...(isInside ? [] : [`overlay address "${address}" of "${name}" is outside the overlay`]),
      ];
    }),
  );
}

/** What goes through the tunnel is carried by a connector of the site it is behind. */
function checkVia({ connectors, claims }: Told): string[] {
  const byKey = new Map(connectors.map((connector) => [connector.publicKey, connector]));
  return claims.flatMap((claim) => {
    if (claim.via === undefined) return [];
    const carrier = byKey.get(claim.via);
    if (carrier === undefined) return [`${labelOf(claim)} is via "${claim.via}", which is no peer`];
    if (carrier.site === claim.site) return [];
    return [`${labelOf(claim)} is via "${carrier.name}" of site "${carrier.site}"`];
  });
}

/** Each prefix may be a site's, is outside the overlay, and overlaps no other. */
function checkPrefixes({ claims, overlayPrefixes }: Told): string[] {
  const violations: string[] = [];
  const sorted = claims.toSorted((a, b) => comparePrefixes(a.prefix, b.prefix));
  // Prefixes nest or are apart, so in this order the widest so far meets whatever overlaps.
  let widest: Claim | undefined;
  for (const claim of sorted) {
    const { prefix } = claim;
    const fault = whyNotASitePrefix(prefix);
    if (fault !== undefined) violations.push(`${labelOf(claim)} cannot be: ${fault}`);
    for (const overlay of overlayPrefixes) {
      if (overlaps(overlay, prefix)) {
        violations.push(`${labelOf(claim)} overlaps the overlay prefix "${overlay}"`);
      }
    }
    if (widest !== undefined && contains(widest.prefix, prefix)) {
      violations.push(`${labelOf(claim)} overlaps ${labelOf(widest)}`);
    } else {
      widest = claim;
    }
  }
  return violations;
}

function labelOf({ prefix, site }: Claim): string {
  return `route "${prefix}" of site "${site}"`;
}
