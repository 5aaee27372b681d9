import { describe, expect, test } from 'vitest';
import {
  removeConnector,
  setObservedEndpoint,
  updateConnector,
} from '../../../control-plane/model/change-connector.ts';
import { revokeEnrollmentToken } from '../../../control-plane/model/change-enrollment-token.ts';
import { createNetwork } from '../../../control-plane/model/change-network.ts';
import { createSite, deleteSite } from '../../../control-plane/model/change-site.ts';
import { type Joined, joinConnector } from '../../../control-plane/model/join-connector.ts';
import { resolve } from '../../../control-plane/model/reference.ts';
import { connectorOfIdentity } from '../../../control-plane/model/snapshot.ts';
import { parseEndpoint } from '../../../protocol/endpoint.ts';
import { address, prefix } from '../../../protocol/net.ts';
import { expectParsed } from '../../../protocol/parsed.ts';
import { corp, type Decide, HOUR, joinInput, keyOfAgent, name, World } from './world.ts';

const OFFICE = address('198.51.100.7');
const endpoint = (text: string) => expectParsed(parseEndpoint(text));
const join =
  (input: ReturnType<typeof joinInput>): Decide<Joined> =>
  (snapshot, context) =>
    joinConnector(snapshot, input, context);

describe('joinConnector()', () => {
  const agent = joinInput({ secret: 's', name: 'spare' });

  test('makes a connector with the next addresses, and uses the token', () => {
    const world = corp();
    const token = world.token('hq', 's');
    const joined = world.do(join({ ...agent, observedAddress: OFFICE }));
    expect(joined.isNew).toBe(true);
    expect(joined.site.name).toBe('hq');
    expect(joined.connector).toMatchObject({
      overlayAddresses: ['100.96.0.3', 'fd00:c::3'],
      configuredEndpoint: null,
      observedEndpoint: '198.51.100.7:51820',
    });
    expect(world.snapshot.enrollmentTokens.get(token.id)?.uses).toBe(1);
  });

  test('assigns the first connector of a site, and no later one', () => {
    const world = corp();
    const spare = world.join('hq', 'spare');
    expect(spare.site.assignedConnectorId).not.toBe(spare.connector.id);
    expect(world.snapshot.connectors.get(spare.site.assignedConnectorId ?? '')?.name).toBe('hq-gw');
  });

  test('refuses a token that is unknown, used, expired or revoked', () => {
    const world = corp();
    expect(world.refusal(join(agent)).code).toBe('token-unknown');
    const token = world.token('hq', 's');
    world.do(join(agent));
    expect(world.refusal(join(joinInput({ secret: 's', name: 'other' }))).code).toBe('token-used');
    world.context.now += 24 * HOUR;
    expect(world.refusal(join(agent)).code).toBe('token-expired');
    world.do((snapshot, context) => revokeEnrollmentToken(snapshot, { token: token.id }, context));
    expect(world.refusal(join(agent)).code).toBe('token-revoked');
  });

  test('is the same connector when the same agent asks again, though the token is used', () => {
    const world = corp();
    world.token('hq', 's');
    const first = world.do(join(agent));
    const before = world.snapshot;
    const again = joinConnector(world.snapshot, agent, world.context);
    expect(again).toMatchObject({ writes: [], reachesAgents: false });
    expect(again).toMatchObject({ result: { connector: first.connector, isNew: false } });
    expect(world.snapshot).toBe(before);
  });

  test('refuses a key that another connector has', () => {
    const world = corp();
    world.token('hq', 's');
    const cloned = { ...agent, publicKey: keyOfAgent('branch-gw') };
    expect(world.refusal(join(cloned))).toMatchObject({
      code: 'already-joined',
      field: '/wireguardPublicKey',
    });
    const impostor = { ...agent, identityFingerprint: 'identity of branch-gw' };
    expect(world.refusal(join(impostor))).toMatchObject({
      code: 'already-joined',
      field: '/certificateRequest',
    });
  });

  test('refuses the keys of a connector that joined by another token', () => {
    const world = corp();
    world.token('hq', 's');
    const moved = joinInput({ secret: 's', name: 'branch-gw' });
    expect(world.refusal(join(moved)).code).toBe('already-joined');
  });

  test('adds a number to a name that is taken in the network', () => {
    const world = corp();
    world.token('branch', 's', 3);
    const named = (agentName: string) => ({
      ...joinInput({ secret: 's', name: agentName }),
      name: name('hq-gw'),
    });
    const names = ['x', 'y'].map((agentName) => world.do(join(named(agentName))).connector.name);
    expect(names).toEqual(['hq-gw-2', 'hq-gw-3']);
    const long = name('n'.repeat(63));
    world.token('branch', 'long', 2);
    const [one, two] = ['v', 'w'].map(
      (agentName) =>
        world.do(join({ ...joinInput({ secret: 'long', name: agentName }), name: long })).connector
          .name,
    );
    expect(one).toBe(long);
    expect(two).toBe(`${'n'.repeat(61)}-2`);
  });

  test('stores proposals as pending, but not what the site has already', () => {
    const world = corp();
    world.token('hq', 's');
    const proposedPrefixes = ['10.1.0.0/16', '10.7.0.0/16', '10.2.3.0/24', '10.7.0.0/16'];
    const before = new Set(world.snapshot.routes.keys());
    world.do(join({ ...agent, proposedPrefixes: proposedPrefixes.map(prefix) }));
    const made = [...world.snapshot.routes.values()].filter(({ id }) => !before.has(id));
    expect(made.map((route) => [route.prefix, route.state])).toEqual([
      ['10.7.0.0/16', 'pending'],
      ['10.2.3.0/24', 'pending'],
    ]);
  });

  test('refuses special-purpose proposals by their place', () => {
    const world = corp();
    world.token('hq', 's');
    const proposedPrefixes = [prefix('10.7.0.0/16'), prefix('0.0.0.0/0')];
    expect(world.refusal(join({ ...agent, proposedPrefixes }))).toMatchObject({
      code: 'special-purpose-prefix',
      field: '/proposedPrefixes/1',
    });
  });

  test('is refused when the overlay is full, and not before', () => {
    const world = new World();
    const small = { name: name('small'), overlayPrefixes: [prefix('10.0.0.0/28')] };
    world.do((snapshot, context) => createNetwork(snapshot, small, context));
    const site = { network: 'small', name: name('hq') };
    world.do((snapshot, context) => createSite(snapshot, site, context));
    world.token('hq', 's', 100);
    const joined = Array.from({ length: 14 }, (_, index) =>
      world.do(join(joinInput({ secret: 's', name: `gw${index}` }))),
    );
    const last = joined.at(-1)?.connector.overlayAddresses;
    expect(last).toEqual(['10.0.0.14']);
    const problem = world.refusal(join(joinInput({ secret: 's', name: 'one-more' })));
    expect(problem.code).toBe('overlay-exhausted');
    world.do((snapshot, context) => removeConnector(snapshot, { connector: 'gw4' }, context));
    const next = world.do(join(joinInput({ secret: 's', name: 'one-more' })));
    expect(next.connector.overlayAddresses).toEqual(['10.0.0.5']);
  });
});

describe('updateConnector()', () => {
  test('refuses a name of the network, whatever the site', () => {
    const patch = { connector: 'hq-gw', name: name('branch-gw') };
    expect(corp().refusal((snapshot) => updateConnector(snapshot, patch))).toMatchObject({
      code: 'name-taken',
      field: '/name',
    });
  });

  test('changes nothing when nothing differs', () => {
    const world = corp();
    const patch = { connector: 'hq-gw', name: name('hq-gw'), endpoint: null };
    expect(updateConnector(world.snapshot, patch)).toMatchObject({
      writes: [],
      reachesAgents: false,
    });
  });

  test('sets an endpoint, which wins over the observed one until it is taken back', () => {
    const world = corp();
    const id = connectorOfIdentity(world.snapshot, 'identity of hq-gw')?.id ?? '';
    const observe = { connectorId: id, address: OFFICE };
    expect(setObservedEndpoint(world.snapshot, observe)).toMatchObject({ reachesAgents: true });
    const fixed = endpoint('203.0.113.1:4500');
    world.do((snapshot) => updateConnector(snapshot, { connector: id, endpoint: fixed }));
    expect(setObservedEndpoint(world.snapshot, observe)).toMatchObject({ reachesAgents: false });
    world.do((snapshot) => setObservedEndpoint(snapshot, observe));
    expect(setObservedEndpoint(world.snapshot, observe)).toMatchObject({ writes: [] });
    const automatic = { connector: id, endpoint: null };
    expect(updateConnector(world.snapshot, automatic)).toMatchObject({
      reachesAgents: true,
      result: { configuredEndpoint: null, observedEndpoint: '198.51.100.7:51820' },
    });
  });
});

describe('removeConnector()', () => {
  const remove =
    (connector: string): Decide<unknown> =>
    (snapshot, context) =>
      removeConnector(snapshot, { connector }, context);

  test('leaves a tombstone that no name or id finds, but its identity does', () => {
    const world = corp();
    world.do(remove('hq-gw'));
    const tombstone = connectorOfIdentity(world.snapshot, 'identity of hq-gw');
    expect(tombstone?.removedAt).toBe(world.context.now);
    for (const text of ['hq-gw', tombstone?.id ?? '']) {
      expect(resolve(world.snapshot, 'connectors', text)).toMatchObject({
        problem: { code: 'not-found', detail: `there is no connector "${text}"` },
      });
    }
  });

  test('hands the assignment to the oldest other connector, and to nobody after the last', () => {
    const world = corp();
    const assigned = () => {
      const site = [...world.snapshot.sites.values()].find((row) => row.name === 'hq');
      return world.snapshot.connectors.get(site?.assignedConnectorId ?? '')?.name;
    };
    world.context.now += 2;
    world.join('hq', 'younger');
    world.context.now -= 1;
    world.join('hq', 'older');
    world.do(remove('hq-gw'));
    expect(assigned()).toBe('older');
    world.do(remove('younger'));
    expect(assigned()).toBe('older');
    world.do(remove('older'));
    expect(assigned()).toBeUndefined();
  });

  test('takes its pending proposals along and leaves the approved routes', () => {
    const world = corp();
    world.token('hq', 's');
    const proposedPrefixes = [prefix('10.7.0.0/16')];
    world.do(join(joinInput({ secret: 's', name: 'spare', proposedPrefixes })));
    const { routes } = corp().snapshot;
    world.do(remove('spare'));
    expect(world.snapshot.routes).toEqual(routes);
  });

  test('lets the same agent join again by another token, and the site go', () => {
    const world = corp();
    world.do(remove('hq-gw'));
    world.token('hq', 's');
    world.context.now -= 1; // the clock was set back: the tombstone seems the younger one
    const joined = world.do(join(joinInput({ secret: 's', name: 'hq-gw' })));
    expect(joined.isNew).toBe(true);
    expect(connectorOfIdentity(world.snapshot, 'identity of hq-gw')?.id).toBe(joined.connector.id);
    world.do(remove('hq-gw'));
    world.do((snapshot) => deleteSite(snapshot, { site: 'hq' }));
    const tombstone = connectorOfIdentity(world.snapshot, 'identity of hq-gw');
    expect(tombstone?.removedAt).toBeGreaterThan(0);
  });
});
