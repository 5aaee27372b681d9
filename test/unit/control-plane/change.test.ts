import { describe, expect, test } from 'vitest';
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
import { prefix } from '../../../protocol/net.ts';
import { corp, type Decide, joinInput, keyOfAgent, name, World } from './world.ts';

describe('createNetwork()', () => {
  const create =
    (called: string, ...overlay: string[]): Decide<{ overlayPrefixes: readonly string[] }> =>
    (snapshot, context) =>
      createNetwork(
        snapshot,
        {
          name: name(called),
          ...(overlay.length > 0 && { overlayPrefixes: overlay.map(prefix) }),
        },
        context,
      );

  test('makes up overlay prefixes that no other network has, when none are given', () => {
    const world = new World();
    world.do(create('one'));
    world.do(create('two', '100.97.128.0/20'));
    const three = world.do(create('three'));
    expect(three.overlayPrefixes[0]).toBe('100.98.0.0/16');
    expect(three.overlayPrefixes[1]).toMatch(/^fd[0-9a-f]{2}:[0-9a-f:]+::\/64$/);
  });

  test('asks for overlay prefixes when its own pool is used up', () => {
    const world = new World();
    world.do(create('everything', '100.96.0.0/11'));
    expect(world.refusal(create('next'))).toMatchObject({
      code: 'overlay-exhausted',
      field: '/overlayPrefixes',
    });
  });

  test.each([
    ['special-purpose-prefix', ['127.0.0.0/16'], '/overlayPrefixes/0'],
    ['special-purpose-prefix', ['10.0.0.0/16', '2001:db8::/64'], '/overlayPrefixes/1'],
    ['invalid-request', ['10.0.0.0/7'], '/overlayPrefixes/0'],
    ['invalid-request', ['10.0.0.0/29'], '/overlayPrefixes/0'],
    ['invalid-request', ['fd00::/32'], '/overlayPrefixes/0'],
    ['invalid-request', ['fd00::/113'], '/overlayPrefixes/0'],
    ['invalid-request', ['10.0.0.0/16', '10.1.0.0/16'], '/overlayPrefixes/1'],
  ] as const)('refuses %s for %j', (code, overlay, field) => {
    expect(new World().refusal(create('corp', ...overlay))).toMatchObject({ code, field });
  });

  test('refuses a name that is there', () => {
    expect(corp().refusal(create('corp'))).toEqual({
      code: 'name-taken',
      detail: 'there is a network "corp" already',
      field: '/name',
    });
  });

  test('puts IPv4 first whatever the order given', () => {
    const world = new World();
    const network = world.do(create('corp', 'fd00::/64', '10.0.0.0/16'));
    expect(network.overlayPrefixes).toEqual(['10.0.0.0/16', 'fd00::/64']);
  });
});

describe('updateNetwork()', () => {
  test('reaches agents only when something changes', () => {
    const world = corp();
    const update = (mtuBytes: number) =>
      updateNetwork(world.snapshot, { network: 'corp', mtuBytes });
    expect(update(1420)).toMatchObject({ writes: [], reachesAgents: false });
    expect(update(1380)).toMatchObject({ reachesAgents: true, result: { mtuBytes: 1380 } });
  });
});

describe('deleteNetwork()', () => {
  test('is refused while sites are there, and names them', () => {
    const problem = corp().refusal((snapshot) => deleteNetwork(snapshot, { network: 'corp' }));
    expect(problem).toMatchObject({ code: 'in-use' });
    expect(problem.detail).toBe('network "corp" still has the sites "branch", "hq"');
  });
});

describe('createSite()', () => {
  const create =
    (site: string, ...prefixes: string[]): Decide<unknown> =>
    (snapshot, context) =>
      createSite(
        snapshot,
        { network: 'corp', name: name(site), prefixes: prefixes.map(prefix) },
        context,
      );

  test.each([
    ['route-conflict', '10.1.2.0/24', '"10.1.2.0/24" overlaps route "10.1.0.0/16" of site "hq"'],
    ['route-conflict', '10.0.0.0/8', '"10.0.0.0/8" overlaps route "10.1.0.0/16" of site "hq"'],
    ['special-purpose-prefix', '0.0.0.0/0', '"0.0.0.0/0" is every address'],
    ['special-purpose-prefix', '224.0.0.0/8', 'multicast'],
    ['overlay-conflict', '100.96.3.0/24', 'overlay prefix "100.96.0.0/16" of network "corp"'],
  ])('refuses %s for %s and writes nothing of the others', (code, bad, detail) => {
    const problem = corp().refusal(create('lab', '172.16.0.0/24', bad));
    expect(problem).toMatchObject({ code, field: '/prefixes/1' });
    expect(problem.detail).toContain(detail);
  });

  test('refuses prefixes that overlap each other', () => {
    expect(corp().refusal(create('lab', '172.16.0.0/24', '172.16.0.0/16'))).toEqual({
      code: 'route-conflict',
      detail: '"172.16.0.0/16" overlaps route "172.16.0.0/24" of site "lab"',
      field: '/prefixes/1',
    });
  });

  test('takes a name of another network, and a prefix of another network', () => {
    const world = corp();
    const network = { name: name('shop'), overlayPrefixes: [prefix('100.100.0.0/16')] };
    world.do((snapshot, context) => createNetwork(snapshot, network, context));
    const site = { network: 'shop', name: name('hq'), prefixes: [prefix('10.1.0.0/16')] };
    world.do((snapshot, context) => createSite(snapshot, site, context));
    expect(world.refusal((snapshot) => deleteSite(snapshot, { site: 'hq' }))).toMatchObject({
      code: 'ambiguous-reference',
    });
  });

  test('refuses an unknown network by its field', () => {
    const input = { network: 'cropp', name: name('lab') };
    const problem = corp().refusal((snapshot, context) => createSite(snapshot, input, context));
    expect(problem).toEqual({
      code: 'not-found',
      detail: 'there is no network "cropp"',
      field: '/network',
    });
  });
});

describe('updateSite()', () => {
  test('assigns another connector of the site, and none of another', () => {
    const world = corp();
    const { connector } = world.join('hq', 'hq-spare');
    const assign =
      (assignment: string): Decide<{ assignedConnectorId: string | null }> =>
      (snapshot) =>
        updateSite(snapshot, { site: 'hq', assignment });
    expect(world.refusal(assign('branch-gw'))).toMatchObject({
      code: 'invalid-request',
      field: '/assignment',
    });
    expect(world.do(assign('hq-spare')).assignedConnectorId).toBe(connector.id);
  });
});

describe('deleteSite()', () => {
  test('is refused while connectors are there', () => {
    const problem = corp().refusal((snapshot) => deleteSite(snapshot, { site: 'hq' }));
    expect(problem.detail).toBe('site "hq" still has the connectors "hq-gw"');
  });

  test('takes routes and tokens of the site along, and nobody else’s', () => {
    const world = corp();
    const site = { network: 'corp', name: name('lab'), prefixes: [prefix('10.3.0.0/16')] };
    world.do((snapshot, context) => createSite(snapshot, site, context));
    world.token('lab', 'unused');
    const { sites, routes, enrollmentTokens } = corp().snapshot;
    world.do((snapshot) => deleteSite(snapshot, { site: 'lab' }));
    expect(world.snapshot.sites).toEqual(sites);
    expect(world.snapshot.routes).toEqual(routes);
    expect(world.snapshot.enrollmentTokens).toEqual(enrollmentTokens);
  });
});

describe('routes', () => {
  const LAB = prefix('10.1.7.0/24');

  /** `branch-2` proposes a prefix that is inside hq's. */
  function withProposal() {
    const world = corp();
    world.token('branch', 'secret');
    const input = joinInput({ secret: 'secret', name: 'branch-2', proposedPrefixes: [LAB] });
    world.do((snapshot, context) => joinConnector(snapshot, input, context));
    return world;
  }
  const approve: Decide<unknown> = (snapshot) =>
    updateRoute(snapshot, { route: LAB, state: 'approved' });

  test('updateRoute() refuses to approve what overlaps, until nothing is in its way', () => {
    const world = withProposal();
    expect(world.refusal(approve)).toEqual({
      code: 'route-conflict',
      detail: '"10.1.7.0/24" overlaps route "10.1.0.0/16" of site "hq"',
      field: '/state',
    });
    world.do((snapshot) => deleteRoute(snapshot, { route: '10.1.0.0/16' }));
    expect(world.do(approve)).toMatchObject({ state: 'approved', prefix: LAB });
  });

  test('updateRoute() takes an approval back, which frees the prefix', () => {
    const world = withProposal();
    const pending = { route: '10.1.0.0/16', state: 'pending' } as const;
    world.do((snapshot) => updateRoute(snapshot, pending));
    world.do(approve);
    const back = { route: '10.1.0.0/16', state: 'approved' } as const;
    expect(world.refusal((snapshot) => updateRoute(snapshot, back)).code).toBe('route-conflict');
  });

  test('createRoute() refuses what the site has, pending or approved', () => {
    const world = withProposal();
    const create =
      (site: string, text: string): Decide<unknown> =>
      (snapshot, context) =>
        createRoute(snapshot, { site, prefix: prefix(text) }, context);
    expect(world.refusal(create('hq', '10.1.0.0/16')).code).toBe('route-conflict');
    world.do((snapshot) => deleteRoute(snapshot, { route: '10.1.0.0/16' }));
    const problem = world.refusal(create('branch', LAB));
    expect(problem).toMatchObject({ code: 'route-conflict', field: '/prefix' });
    expect(problem.detail).toMatch(/is a pending route of site "branch" already; .*rou_/);
    expect(world.do(create('hq', LAB))).toMatchObject({ state: 'approved' });
  });

  test('reach agents also while no connector carries them: nobody else may', () => {
    const world = corp();
    const site = { network: 'corp', name: name('lab') };
    world.do((snapshot, context) => createSite(snapshot, site, context));
    const create = (at: string) =>
      createRoute(world.snapshot, { site: at, prefix: prefix('10.9.0.0/16') }, world.context);
    expect(create('lab')).toMatchObject({ reachesAgents: true });
    expect(create('hq')).toMatchObject({ reachesAgents: true });
  });

  test('are not the key of an agent: a proposal is pending and reaches no peer', () => {
    const world = withProposal();
    const route = [...world.snapshot.routes.values()].find((row) => row.prefix === LAB);
    expect(route).toMatchObject({ state: 'pending' });
    const proposer = world.snapshot.connectors.get(route?.proposedByConnectorId ?? '');
    expect(proposer?.publicKey).toBe(keyOfAgent('branch-2'));
    const drop: Decide<unknown> = (snapshot) => deleteRoute(snapshot, { route: LAB });
    expect(drop(world.snapshot, world.context)).toMatchObject({ reachesAgents: false });
  });
});
