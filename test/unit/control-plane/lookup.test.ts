import { describe, expect, test } from 'vitest';
import { createNetwork } from '../../../control-plane/model/change-network.ts';
import { createRoute, updateRoute } from '../../../control-plane/model/change-route.ts';
import { createSite } from '../../../control-plane/model/change-site.ts';
import { joinConnector } from '../../../control-plane/model/join-connector.ts';
import { lookup } from '../../../control-plane/model/lookup.ts';
import { address, prefix } from '../../../protocol/net.ts';
import { corp, joinInput, name, type World } from './world.ts';

/** Each match in one line: who carries the address, and what else holds it. */
function answer({ snapshot }: World, text: string): string[] {
  return lookup(snapshot, address(text)).map((match) => {
    const where = [match.prefix, match.site?.name, match.connector?.name].map((it) => it ?? '-');
    const others = match.alternatives.map(
      ({ route, site }) => `${route.prefix} ${site.name} ${route.state}`,
    );
    return [match.network.name, match.kind, ...where, ...others].join(', ');
  });
}

describe('lookup()', () => {
  test('names network, route, site and connector of an address', () => {
    expect(answer(corp(), '10.1.2.3')).toEqual(['corp, route, 10.1.0.0/16, hq, hq-gw']);
    expect(answer(corp(), 'fd00:1::7')).toEqual(['corp, route, fd00:1::/64, hq, hq-gw']);
  });

  test('knows overlay addresses, those that nobody has too', () => {
    expect(answer(corp(), '100.96.0.2')).toEqual([
      'corp, overlay, 100.96.0.2/32, branch, branch-gw',
    ]);
    expect(answer(corp(), '100.96.9.9')).toEqual(['corp, none, -, -, -']);
  });

  test('has no match for an address that no network knows', () => {
    expect(answer(corp(), '8.8.8.8')).toEqual([]);
  });

  test('shows pending routes beside the one that carries, the longest first', () => {
    const world = corp();
    world.token('branch', 's');
    const proposedPrefixes = ['10.0.0.0/8', '10.1.2.0/24'].map(prefix);
    const input = joinInput({ secret: 's', name: 'spare', proposedPrefixes });
    world.do((snapshot, context) => joinConnector(snapshot, input, context));
    const others = '10.1.2.0/24 branch pending, 10.0.0.0/8 branch pending';
    expect(answer(world, '10.1.2.3')).toEqual([`corp, route, 10.1.0.0/16, hq, hq-gw, ${others}`]);
    const pending = { route: '10.1.0.0/16', state: 'pending' } as const;
    world.do((snapshot) => updateRoute(snapshot, pending));
    expect(answer(world, '10.1.200.3')).toEqual([
      'corp, none, -, -, -, 10.1.0.0/16 hq pending, 10.0.0.0/8 branch pending',
    ]);
  });

  test('answers for every network that has the address, and says when nobody carries it', () => {
    const world = corp();
    const shop = { name: name('acme'), overlayPrefixes: [prefix('100.100.0.0/16')] };
    world.do((snapshot, context) => createNetwork(snapshot, shop, context));
    const site = { network: 'acme', name: name('till') };
    world.do((snapshot, context) => createSite(snapshot, site, context));
    const route = { site: 'till', prefix: prefix('10.1.0.0/16') };
    world.do((snapshot, context) => createRoute(snapshot, route, context));
    expect(answer(world, '10.1.2.3')).toEqual([
      'acme, route, 10.1.0.0/16, till, -',
      'corp, route, 10.1.0.0/16, hq, hq-gw',
    ]);
  });
});
