/**
 * Random changes of a small, crowded world: three networks, six site names, prefixes that
 * overlap each other, the overlays and special-purpose ranges, agents that share keys. Many
 * are refused, as they should be; whoever uses them carries on with the next.
 *
 * @module
 */
import fc from 'fast-check';
import { createApiToken, deleteApiToken } from '../../../control-plane/model/change-api-token.ts';
import {
  removeConnector,
  setObservedEndpoint,
  updateConnector,
} from '../../../control-plane/model/change-connector.ts';
import {
  createEnrollmentToken,
  revokeEnrollmentToken,
} from '../../../control-plane/model/change-enrollment-token.ts';
import {
  createNetwork,
  deleteNetwork,
  updateNetwork,
} from '../../../control-plane/model/change-network.ts';
import {
  createRoute,
  deleteRoute,
  updateRoute,
} from '../../../control-plane/model/change-route.ts';
import { createSite, deleteSite, updateSite } from '../../../control-plane/model/change-site.ts';
import { joinConnector } from '../../../control-plane/model/join-connector.ts';
import { parseEndpoint } from '../../../protocol/endpoint.ts';
import { address, prefix } from '../../../protocol/net.ts';
import { expectParsed } from '../../../protocol/parsed.ts';
import { type Decide, joinInput, name, World } from './world.ts';

/** A change with the words that name it in a counterexample. */
export type RandomChange = { readonly words: string; readonly decide: Decide<unknown> };

const NETWORKS = ['net-a', 'net-b', 'net-c'];
const SITES = ['north', 'south', 'east', 'west', 'up', 'down'];
const AGENTS = ['gw0', 'gw1', 'gw2', 'gw3', 'gw4', 'gw5', 'gw6', 'gw7'];
const PREFIXES = [
  ...['10.0.0.0/8', '10.1.0.0/16', '10.1.2.0/24', '10.1.2.128/25', '10.2.0.0/16', '172.16.0.0/12'],
  ...['172.16.5.0/24', '192.168.0.0/24', '192.168.0.7/32', '100.96.1.0/24', '100.0.0.0/8'],
  ...['0.0.0.0/0', '127.0.0.0/8', '::/0', 'fd00:1::/48', 'fd00:1::/64', 'fd00:2::/64'],
  ...['fd00:c::/64', '2001:db8::/32', '2a00:1::/32'],
].map(prefix);
const OVERLAYS = [
  undefined,
  ['100.96.0.0/16', 'fd00:c::/64'],
  ['10.1.2.0/28'],
  ['fd00:2::/64'],
  ['10.0.0.0/8'],
].map((list) => list?.map(prefix));
const ADDRESSES = ['198.51.100.1', '203.0.113.9', '2001:db8::1'].map(address);
const ENDPOINTS = ['198.51.100.1:51820', '[2001:db8::1]:4500'].map((text) =>
  expectParsed(parseEndpoint(text)),
);

/** Up to `maxLength` changes. */
export function randomChanges(maxLength: number): fc.Arbitrary<RandomChange[]> {
  return fc.array(
    fc.oneof(...kinds().map((kind) => ({ weight: kind.weight, arbitrary: kind.arbitrary }))),
    {
      minLength: 20,
      maxLength,
      size: 'max',
    },
  );
}

/** Where they start: every network, with two sites and a connector at each. */
export function crowded(): World {
  const world = new World();
  for (const [index, network] of NETWORKS.entries()) {
    const input = { name: name(network), overlayPrefixes: OVERLAYS[index] };
    world.do((snapshot, context) => createNetwork(snapshot, input, context));
    for (const site of SITES.slice(2 * index, 2 * index + 2)) {
      const siteInput = { network, name: name(site) };
      world.do((snapshot, context) => createSite(snapshot, siteInput, context));
      world.join(site, `gw-${site}`);
      world.token(site, `for ${site}`, 3);
    }
  }
  return world;
}

type Pick = <T>(items: readonly T[]) => T;

/** `weight` of a kind, and how it is made from picks; an empty list gives no change. */
function kinds(): { weight: number; arbitrary: fc.Arbitrary<RandomChange> }[] {
  const kind = (weight: number, words: string, make: (pick: Pick) => Decide<unknown>) => ({
    weight,
    arbitrary: fc
      .array(fc.nat({ max: 1000 }), { minLength: 8, maxLength: 8 })
      .map((numbers): RandomChange => {
        const described = `${words} ${numbers.join(' ')}`;
        return { words: described, decide: (...world) => make(picker(numbers))(...world) };
      }),
  });
  return [
    kind(3, 'create network', (pick) => {
      const input = { name: name(pick(NETWORKS)), overlayPrefixes: pick(OVERLAYS) };
      return (snapshot, context) => createNetwork(snapshot, input, context);
    }),
    kind(1, 'update network', (pick) => {
      const patch = { network: pick(NETWORKS), mtuBytes: pick([1280, 1420, 1500]) };
      return (snapshot) => updateNetwork(snapshot, patch);
    }),
    kind(1, 'delete network', (pick) => {
      const input = { network: pick(NETWORKS) };
      return (snapshot) => deleteNetwork(snapshot, input);
    }),
    kind(6, 'create site', (pick) => {
      const prefixes = pick([0, 1, 1, 2]) === 0 ? [] : [pick(PREFIXES), pick(PREFIXES)];
      const input = { network: pick(NETWORKS), name: name(pick(SITES)), prefixes };
      return (snapshot, context) => createSite(snapshot, input, context);
    }),
    kind(2, 'update site', (pick) => (snapshot) => {
      const connector = pick([...snapshot.connectors.values()]);
      const patch = { site: connector?.siteId ?? pick(SITES), assignment: connector?.id ?? 'gw0' };
      return updateSite(snapshot, patch);
    }),
    kind(
      1,
      'delete site',
      (pick) => (snapshot) => deleteSite(snapshot, { site: idOf(pick, snapshot.sites) }),
    ),
    kind(4, 'create enrollment token', (pick) => (snapshot, context) => {
      const site = idOf(pick, snapshot.sites);
      const secret = `s${snapshot.enrollmentTokens.size}`;
      const input = { site, secretHash: `hash of ${secret}`, maxUses: pick([1, 3]) };
      const isTaken = [...snapshot.enrollmentTokens.values()].some(
        ({ secretHash }) => secretHash === input.secretHash,
      );
      const unique = isTaken ? { ...input, secretHash: context.newId('tok') } : input;
      return createEnrollmentToken(snapshot, unique, context);
    }),
    kind(1, 'revoke enrollment token', (pick) => (snapshot, context) => {
      const token = idOf(pick, snapshot.enrollmentTokens);
      return revokeEnrollmentToken(snapshot, { token }, context);
    }),
    kind(12, 'join', (pick) => (snapshot, context) => {
      const secretHash = pick([...snapshot.enrollmentTokens.values()])?.secretHash ?? 'none';
      const input = joinInput({
        secret: '',
        name: pick(AGENTS),
        proposedPrefixes: [pick(PREFIXES), pick(PREFIXES)].filter(() => pick([0, 1]) === 0),
        observedAddress: pick([undefined, ...ADDRESSES]),
        endpoint: pick([undefined, undefined, ...ENDPOINTS]),
      });
      return joinConnector(snapshot, { ...input, secretHash }, context);
    }),
    kind(2, 'update connector', (pick) => (snapshot) => {
      const connector = idOf(pick, snapshot.connectors);
      const patch = { connector, name: name(pick(AGENTS)), endpoint: pick([null, ...ENDPOINTS]) };
      return updateConnector(snapshot, patch);
    }),
    kind(2, 'observe endpoint', (pick) => (snapshot) => {
      const connectorId = idOf(pick, snapshot.connectors);
      return setObservedEndpoint(snapshot, { connectorId, address: pick(ADDRESSES) });
    }),
    kind(
      3,
      'remove connector',
      (pick) => (snapshot, context) =>
        removeConnector(snapshot, { connector: idOf(pick, snapshot.connectors) }, context),
    ),
    kind(
      6,
      'create route',
      (pick) => (snapshot, context) =>
        createRoute(
          snapshot,
          { site: idOf(pick, snapshot.sites), prefix: pick(PREFIXES) },
          context,
        ),
    ),
    kind(5, 'update route', (pick) => (snapshot) => {
      const state = pick(['approved', 'approved', 'pending'] as const);
      return updateRoute(snapshot, { route: idOf(pick, snapshot.routes), state });
    }),
    kind(
      2,
      'delete route',
      (pick) => (snapshot) => deleteRoute(snapshot, { route: idOf(pick, snapshot.routes) }),
    ),
    kind(1, 'create API token', (pick) => (snapshot, context) => {
      const input = { name: name(pick(AGENTS)), secretHash: context.newId('key') };
      return createApiToken(
        snapshot,
        { ...input, expiresInSeconds: pick([undefined, 60]) },
        context,
      );
    }),
    kind(
      1,
      'delete API token',
      (pick) => (snapshot) => deleteApiToken(snapshot, { token: idOf(pick, snapshot.apiTokens) }),
    ),
  ];
}

/** Picks by the numbers in turn. Undefined, whatever the type says, from an empty list. */
function picker(numbers: readonly number[]): Pick {
  let next = 0;
  return (items) => items[(numbers[next++ % numbers.length] ?? 0) % items.length] as never;
}

function idOf(pick: Pick, rows: ReadonlyMap<string, unknown>): string {
  return pick([...rows.keys()]) ?? 'nobody';
}
