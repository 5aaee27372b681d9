import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CompiledNetwork,
  compileConnector,
  compileNetwork,
  configurationFor,
} from '../../../control-plane/model/compile.ts';
import { checkInvariants, checkNetwork } from '../../../control-plane/model/invariants.ts';
import { isLiving } from '../../../control-plane/model/snapshot.ts';
import type { Connector, Snapshot } from '../../../control-plane/model/types.ts';
import {
  type Configuration,
  configurationOf,
  type Entry,
} from '../../../protocol/configuration.ts';
import { address, contains, overlaps, prefix } from '../../../protocol/net.ts';
import { crowded, randomChanges } from './random-changes.ts';
import { corp, keyOfAgent, name, next } from './world.ts';

describe('checkInvariants()', () => {
  const hq = { publicKey: keyOfAgent('hq-gw') };

  function configuration(): Configuration {
    const { snapshot } = corp();
    const connector = [...snapshot.connectors.values()].find((row) => row.name === 'hq-gw');
    return compileConnector(snapshot, connector?.id ?? '');
  }

  /** The configuration of `hq-gw` with its entries changed by hand. */
  function broken(breakIt: (entries: Entry[]) => Entry[]): string[] {
    const { entries } = configuration();
    const rebuilt = configurationOf({ epoch: 'e', revision: 1 }, breakIt([...entries.values()]));
    return checkInvariants(rebuilt, hq);
  }

  const edit =
    <K extends Entry['kind']>(kind: K, change: Partial<Extract<Entry, { kind: K }>>) =>
    (entries: Entry[]) =>
      entries.map((entry) => (entry.kind === kind ? ({ ...entry, ...change } as Entry) : entry));

  const add =
    <K extends Entry['kind']>(kind: K, change: Partial<Extract<Entry, { kind: K }>>) =>
    (entries: Entry[]) => {
      const like = entries.find((entry) => entry.kind === kind);
      return [...entries, { ...like, ...change } as Entry];
    };

  test('finds nothing in a configuration as compiled', () => {
    expect(checkInvariants(configuration(), hq)).toEqual([]);
  });

  test.each([
    ['no interface', (all: Entry[]) => all.slice(1), 'has 0 interfaces'],
    ['two interfaces', add('interface', { network: `net_${'9'.repeat(20)}` }), 'has 2 interfaces'],
    ['an entry of another network', add('route', { network: 'net_x' }), 'among those of'],
    ['the own key as peer', edit('peer', { publicKey: hq.publicKey }), 'have one key'],
    ['the own key as via', edit('route', { via: hq.publicKey }), 'is via "hq-gw" of site "hq"'],
    ['a via that is no peer', edit('route', { via: keyOfAgent('nobody') }), 'which is no peer'],
    ['a route of the own site', edit('route', { site: name('hq') }), 'told to a connector of that'],
    ['a via of another site', edit('route', { site: name('lab') }), 'of site "branch"'],
    ['a default route', edit('route', { prefix: prefix('0.0.0.0/0') }), 'every address'],
    ['a local default', edit('local', { prefix: prefix('::/0') }), 'every address'],
    ['a special range', edit('route', { prefix: prefix('169.254.0.0/16') }), 'link-local'],
    [
      'a route over the overlay',
      edit('route', { prefix: prefix('100.0.0.0/8') }),
      'the overlay prefix',
    ],
    [
      'a route inside the overlay',
      edit('route', { prefix: prefix('100.96.9.0/24') }),
      'the overlay prefix',
    ],
    [
      'a route inside a local prefix',
      edit('route', { prefix: prefix('10.1.3.0/24') }),
      'overlaps route "10.1.0.0/16" of site "hq"',
    ],
    [
      'a route around a local prefix',
      edit('route', { prefix: prefix('10.0.0.0/8') }),
      'overlaps route "10.0.0.0/8"',
    ],
    [
      'a route inside another',
      add('route', { prefix: prefix('10.2.9.0/24'), site: name('lab') }),
      'overlaps route "10.2.0.0/16"',
    ],
    [
      'an overlay address twice',
      edit('peer', { overlayAddresses: [address('100.96.0.1')] }),
      '"hq-gw" and "branch-gw" have one address',
    ],
    [
      'an overlay address outside',
      edit('peer', { overlayAddresses: [address('10.9.0.1')] }),
      'outside the overlay',
    ],
  ])('finds %s', (_, breakIt, words) => {
    expect(broken(one(breakIt)).join('\n')).toContain(words);
  });
});

describe('checkNetwork()', () => {
  const compiled = () => {
    const { snapshot } = corp();
    return compileNetwork(snapshot, [...snapshot.networks.keys()].join());
  };
  const [hqId, branchId] = [...corp().snapshot.sites.keys()];

  test('finds nothing in a network as compiled, or in one of nobody', () => {
    expect(checkNetwork(compiled())).toEqual([]);
    expect(checkNetwork({ ...compiled(), shared: [], own: new Map() })).toEqual([]);
  });

  test.each<[string, (network: CompiledNetwork) => Partial<CompiledNetwork>, string]>([
    ['entries for nobody', () => ({ own: new Map() }), 'nobody is there'],
    [
      'a local prefix that others have no route to',
      ({ shared }) => ({ shared: shared.filter(({ entry }) => entry.kind !== 'route') }),
      `"${branchId} has 10.2.0.0/16" is not told to both sides`,
    ],
    [
      'a route that its own site would send into the tunnel',
      ({ sites }) => ({
        sites: new Map([...sites].map(([id, site]) => [id, { ...site, locals: [] }])),
      }),
      `"${hqId} has 10.1.0.0/16" is not told to both sides`,
    ],
    [
      'a peer that is not told of itself',
      ({ own }) => ({ own: new Map([...own].slice(1)) }),
      `"${hqId} has hq-gw with 100.96.0.1,fd00:c::1" is not told`,
    ],
    [
      'an entry given to the wrong site',
      ({ shared }) => ({ shared: shared.map((entry) => ({ ...entry, siteId: hqId ?? '' })) }),
      `"${hqId} has 10.2.0.0/16" is not told`,
    ],
  ])('finds %s', (_, breakIt, words) => {
    const network = compiled();
    const violations = checkNetwork({ ...network, ...breakIt(network) });
    expect(violations.join('\n')).toContain(words);
  });

  test('finds what breaks a configuration of it, whatever the tables say', () => {
    let broken = 0;
    fc.assert(
      fc.property(randomChanges(60), fc.nat(), fc.nat(), (changes, from, to) => {
        const world = crowded();
        for (const { decide } of changes) {
          const decision = decide(world.snapshot, world.context);
          if (decision.kind === 'change') world.snapshot = next(world.snapshot, decision);
        }
        const snapshot = tampered(world.snapshot, from, to);
        for (const { id } of snapshot.networks.values()) {
          const network = compileNetwork(snapshot, id);
          const ofConfigurations = [...network.own.keys()].flatMap((connectorId) =>
            checkInvariants(
              configurationFor(network, connectorId),
              snapshot.connectors.get(connectorId)!, // compiled from it
            ),
          );
          if (ofConfigurations.length === 0) continue;
          broken++;
          expect(checkNetwork(network)).not.toEqual([]);
        }
      }),
      { numRuns: 200 },
    );
    expect(broken).toBeGreaterThan(50); // tampering does break configurations
  });
});

describe('random changes', () => {
  test('compile to configurations without violations, which say what the tables say', () => {
    let compiled = 0;
    fc.assert(
      fc.property(randomChanges(120), (changes) => {
        const world = crowded();
        for (const { decide } of changes) {
          const decision = decide(world.snapshot, world.context);
          if (decision.kind === 'change') world.snapshot = next(world.snapshot, decision);
        }
        expectSoundTables(world.snapshot);
        for (const { id } of world.snapshot.networks.values()) {
          expect(checkNetwork(compileNetwork(world.snapshot, id))).toEqual([]);
        }
        for (const connector of living(world.snapshot)) {
          const configuration = compileConnector(world.snapshot, connector.id);
          expect(checkInvariants(configuration, connector)).toEqual([]);
          expect(configuration).toEqual(
            configurationOf(configuration, configuration.entries.values()),
          );
          expect(linesOf(configuration)).toEqual(expectedLines(world.snapshot, connector));
          compiled += configuration.entries.size;
        }
      }),
      { numRuns: 150 },
    );
    expect(compiled).toBeGreaterThan(3000); // the changes are not all refused
  });

  test('raise the revision whenever some configuration differs', () => {
    fc.assert(
      fc.property(randomChanges(60), (changes) => {
        const world = crowded();
        for (const { decide } of changes) {
          const decision = decide(world.snapshot, world.context);
          if (decision.kind !== 'change') continue;
          const before = digests(world.snapshot);
          world.snapshot = next(world.snapshot, decision);
          if (!decision.reachesAgents) expect(digests(world.snapshot)).toEqual(before);
        }
      }),
      { numRuns: 100 },
    );
  });
});

/**
 * Tables as no change leaves them: two connectors have one address, and a proposal is approved
 * that must not be. (Not one prefix at two sites: that has no compiled form.)
 */
function tampered(snapshot: Snapshot, from: number, to: number): Snapshot {
  const connectors = new Map(snapshot.connectors);
  const alive = living(snapshot);
  const [source, target] = [from, to].map((number) => alive[number % alive.length]);
  if (source && target) {
    connectors.set(target.id, { ...target, overlayAddresses: source.overlayAddresses });
  }
  const routes = new Map(snapshot.routes);
  const all = [...routes.values()];
  const single = all.filter((row) => all.every((it) => it === row || it.prefix !== row.prefix));
  const route = single[from % single.length];
  if (route) routes.set(route.id, { ...route, state: 'approved' });
  return { ...snapshot, connectors, routes };
}

// Written out slowly and without the model's look-ups, as an oracle.

function expectedLines(snapshot: Snapshot, self: Connector): string[] {
  const siteOf = (id: string) => [...snapshot.sites.values()].find((site) => site.id === id);
  const networkId = siteOf(self.siteId)?.networkId;
  const lines = [`interface ${self.overlayAddresses.join(' ')}`];
  for (const other of snapshot.connectors.values()) {
    if (other.removedAt !== null || other.siteId === self.siteId) continue;
    if (siteOf(other.siteId)?.networkId !== networkId) continue;
    const endpoint = other.configuredEndpoint ?? other.observedEndpoint ?? 'unknown';
    lines.push(`peer ${other.publicKey} ${other.overlayAddresses.join(' ')} at ${endpoint}`);
  }
  for (const route of snapshot.routes.values()) {
    const site = siteOf(route.siteId);
    if (route.state !== 'approved' || site?.networkId !== networkId) continue;
    const carrier = snapshot.connectors.get(site?.assignedConnectorId ?? '');
    if (route.siteId === self.siteId) lines.push(`local ${route.prefix}`);
    else lines.push(`route ${route.prefix} via ${carrier?.publicKey ?? 'nobody'}`);
  }
  return lines.sort();
}

function linesOf(configuration: Configuration): string[] {
  return [...configuration.entries.values()].map(lineOf).sort();
}

function lineOf(entry: Entry): string {
  switch (entry.kind) {
    case 'interface':
      return `interface ${entry.addresses.join(' ')}`;
    case 'peer':
      return (
        `peer ${entry.publicKey} ${entry.overlayAddresses.join(' ')} ` +
        `at ${entry.endpoint ?? 'unknown'}`
      );
    case 'route':
      return `route ${entry.prefix} via ${entry.via ?? 'nobody'}`;
    case 'local':
      return `local ${entry.prefix}`;
  }
}

/** No two owners of a prefix, an address, a key or a name; every assignment lives. */
function expectSoundTables(snapshot: Snapshot): void {
  for (const network of snapshot.networks.values()) {
    const sites = [...snapshot.sites.values()].filter((site) => site.networkId === network.id);
    const inNetwork = ({ siteId }: { siteId: string }) => sites.some(({ id }) => id === siteId);
    const connectors = living(snapshot).filter(inNetwork);
    const routes = [...snapshot.routes.values()].filter(inNetwork);
    const approved = routes.filter(({ state }) => state === 'approved').map((row) => row.prefix);
    const taken = [...approved, ...network.overlayPrefixes];
    for (const [index, one] of taken.entries()) {
      expect(taken.slice(index + 1).filter((other) => overlaps(one, other))).toEqual([]);
    }
    expectDistinct(sites.map((site) => site.name));
    expectDistinct(connectors.map((connector) => connector.name));
    const addresses = connectors.flatMap((connector) => connector.overlayAddresses);
    expectDistinct(addresses);
    expect(addresses).toHaveLength(connectors.length * network.overlayPrefixes.length);
    for (const [index, one] of addresses.entries()) {
      const overlay = network.overlayPrefixes[index % network.overlayPrefixes.length];
      expect(overlay !== undefined && contains(overlay, one)).toBe(true);
    }
    for (const site of sites) {
      const own = connectors.filter(({ siteId }) => siteId === site.id).map(({ id }) => id);
      if (own.length === 0) expect(site.assignedConnectorId).toBeNull();
      else expect(own).toContain(site.assignedConnectorId);
    }
  }
  expectDistinct(living(snapshot).map(({ publicKey }) => publicKey));
  expectDistinct(living(snapshot).map(({ identityFingerprint }) => identityFingerprint));
}

function expectDistinct(values: readonly string[]): void {
  expect(new Set(values).size).toBe(values.length);
}

function living(snapshot: Snapshot): Connector[] {
  return [...snapshot.connectors.values()].filter(isLiving);
}

function digests(snapshot: Snapshot): Record<string, string> {
  return Object.fromEntries(
    living(snapshot).map(({ id }) => [id, compileConnector(snapshot, id).digest]),
  );
}

/** Changes of entries may give two of them one key; only the first is broken then. */
function one(breakIt: (entries: Entry[]) => Entry[]): (entries: Entry[]) => Entry[] {
  return (entries) => {
    const seen = new Set<string>();
    return breakIt(entries).filter((entry) => {
      if (entry.kind !== 'route' && entry.kind !== 'local') return true;
      const key = `${entry.kind} ${entry.network} ${entry.prefix}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
  };
}
