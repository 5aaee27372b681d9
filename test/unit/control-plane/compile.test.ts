import { describe, expect, test } from 'vitest';
import { removeConnector } from '../../../control-plane/model/change-connector.ts';
import { createSite } from '../../../control-plane/model/change-site.ts';
import { compileConnector } from '../../../control-plane/model/compile.ts';
import { joinConnector } from '../../../control-plane/model/join-connector.ts';
import { deltaBetween } from '../../../protocol/configuration.ts';
import { address, prefix } from '../../../protocol/net.ts';
import { corp, joinInput, keyOfAgent, name, type World } from './world.ts';

function idOf({ snapshot }: World, connector: string): string {
  const found = [...snapshot.connectors.values()].find((row) => row.name === connector);
  if (found === undefined) throw new RangeError(`no connector "${connector}" in this world`);
  return found.id;
}

const compiled = (world: World, connector: string) =>
  compileConnector(world.snapshot, idOf(world, connector));

describe('compileConnector()', () => {
  test('tells a connector of itself, its own prefixes, its peers and their routes', () => {
    const world = corp();
    world.token('branch', 's');
    const input = {
      ...joinInput({ secret: 's', name: 'spare' }),
      observedAddress: address('192.0.2.9'),
    };
    world.do((snapshot, context) => joinConnector(snapshot, input, context));
    const { entries } = compiled(world, 'hq-gw');
    const [network] = world.snapshot.networks.keys();
    expect([...entries.values()]).toEqual([
      {
        kind: 'interface',
        network,
        networkName: 'corp',
        site: 'hq',
        connector: 'hq-gw',
        addresses: ['100.96.0.1', 'fd00:c::1'],
        overlayPrefixes: ['100.96.0.0/16', 'fd00:c::/64'],
        listenPort: 51_820,
        mtuBytes: 1420,
      },
      { kind: 'local', network, prefix: '10.1.0.0/16' },
      { kind: 'local', network, prefix: 'fd00:1::/64' },
      {
        kind: 'peer',
        network,
        publicKey: keyOfAgent('branch-gw'),
        site: 'branch',
        connector: 'branch-gw',
        overlayAddresses: ['100.96.0.2', 'fd00:c::2'],
        keepaliveSeconds: 25,
      },
      {
        kind: 'peer',
        network,
        publicKey: keyOfAgent('spare'),
        site: 'branch',
        connector: 'spare',
        overlayAddresses: ['100.96.0.3', 'fd00:c::3'],
        endpoint: '192.0.2.9:51820',
        keepaliveSeconds: 25,
      },
      {
        kind: 'route',
        network,
        prefix: '10.2.0.0/16',
        site: 'branch',
        via: keyOfAgent('branch-gw'),
      },
    ]);
  });

  test('gives entries in the order of their keys', () => {
    const keys = [...compiled(corp(), 'branch-gw').entries.keys()];
    expect(keys).toEqual(keys.toSorted());
  });

  test('tells of a prefix that nobody carries yet, and then by whom', () => {
    const world = corp();
    const before = compiled(world, 'hq-gw');
    const lab = { network: 'corp', name: name('lab'), prefixes: [prefix('10.3.0.0/16')] };
    world.do((snapshot, context) => createSite(snapshot, lab, context));
    const announced = compiled(world, 'hq-gw');
    const first = deltaBetween(before, announced);
    expect(first.put).toEqual([expect.objectContaining({ kind: 'route', prefix: '10.3.0.0/16' })]);
    expect(first.put[0]).not.toHaveProperty('via');
    world.join('lab', 'lab-gw');
    const second = deltaBetween(announced, compiled(world, 'hq-gw'));
    expect(second.put.map(({ kind }) => kind)).toEqual(['peer', 'route']);
    expect(second.put[1]).toHaveProperty('via');
    expect([first.remove, second.remove]).toEqual([[], []]);
  });

  test('takes a removed connector from its peers, whose route stays and leads nowhere', () => {
    const world = corp();
    const before = compiled(world, 'hq-gw');
    const id = idOf(world, 'branch-gw');
    world.do((snapshot, context) => removeConnector(snapshot, { connector: id }, context));
    const { put, remove } = deltaBetween(before, compiled(world, 'hq-gw'));
    expect(remove.map((key) => key.split('/')[0])).toEqual(['peer']);
    expect(put).toEqual([expect.objectContaining({ kind: 'route' })]);
    expect(put[0]).not.toHaveProperty('via');
    expect(() => compileConnector(world.snapshot, id)).toThrow('it was removed');
  });

  test('throws when the tables give one prefix to two sites: no change does', () => {
    const world = corp();
    const [hq] = world.snapshot.sites.keys();
    const routes = new Map(world.snapshot.routes);
    for (const route of world.snapshot.routes.values()) {
      if (route.prefix !== '10.2.0.0/16') continue;
      routes.set('rou_double', { ...route, id: 'rou_double', siteId: hq ?? '' });
    }
    const snapshot = { ...world.snapshot, routes };
    expect(() => compileConnector(snapshot, idOf(world, 'hq-gw'))).toThrow(
      /two entries "route\/.*10.2.0.0/,
    );
  });

  test('is of the revision and epoch of the snapshot', () => {
    const world = corp();
    expect(compiled(world, 'hq-gw')).toMatchObject({
      epoch: world.snapshot.epoch,
      revision: world.snapshot.revision,
    });
    expect(world.snapshot.revision).toBeGreaterThan(2);
  });
});
