import { describe, expect, test } from 'vitest';
import { createNetwork } from '../../../control-plane/model/change-network.ts';
import { createSite } from '../../../control-plane/model/change-site.ts';
import { resolve } from '../../../control-plane/model/reference.ts';
import { prefix } from '../../../protocol/net.ts';
import { corp, name } from './world.ts';

/** `corp` and a network `shop` that has a site `hq` as well, with the same prefix. */
function twoNetworks() {
  const world = corp();
  const shop = { name: name('shop'), overlayPrefixes: [prefix('100.100.0.0/16')] };
  const { id } = world.do((snapshot, context) => createNetwork(snapshot, shop, context));
  const input = { network: 'shop', name: name('hq'), prefixes: [prefix('10.1.0.0/16')] };
  const site = world.do((snapshot, context) => createSite(snapshot, input, context));
  return { snapshot: world.snapshot, shopId: id, site };
}

describe('resolve()', () => {
  test('finds by id, by name, and routes by prefix', () => {
    const { snapshot } = corp();
    const [site] = snapshot.sites.values();
    const [route] = snapshot.routes.values();
    expect(resolve(snapshot, 'sites', site?.id ?? '')).toEqual({ kind: 'found', row: site });
    expect(resolve(snapshot, 'sites', 'hq')).toEqual({ kind: 'found', row: site });
    expect(resolve(snapshot, 'routes', '10.1.0.0/16')).toEqual({ kind: 'found', row: route });
    expect(resolve(snapshot, 'routes', route?.id ?? '')).toEqual({ kind: 'found', row: route });
  });

  test('names the ids when a name fits several, unless the network is known', () => {
    const { snapshot, shopId, site } = twoNetworks();
    const ids = [...snapshot.sites.values()].filter((row) => row.name === 'hq').map((r) => r.id);
    expect(resolve(snapshot, 'sites', 'hq', { field: '/site' })).toEqual({
      kind: 'refuse',
      problem: {
        code: 'ambiguous-reference',
        detail: `"hq" fits 2 sites; expected one of the ids ${ids.sort().join(', ')}`,
        field: '/site',
      },
    });
    expect(resolve(snapshot, 'routes', '10.1.0.0/16').kind).toBe('refuse');
    const inShop = { networkId: shopId };
    expect(resolve(snapshot, 'sites', 'hq', inShop)).toEqual({ kind: 'found', row: site });
    expect(resolve(snapshot, 'routes', '10.1.0.0/16', inShop).kind).toBe('found');
    expect(resolve(snapshot, 'connectors', 'hq-gw', inShop)).toMatchObject({
      problem: { code: 'not-found', detail: 'there is no connector "hq-gw" in network "shop"' },
    });
  });

  test.each([
    ['networks', 'network'],
    ['sites', 'site'],
    ['connectors', 'connector'],
    ['routes', 'route'],
    ['enrollmentTokens', 'enrollment token'],
    ['apiTokens', 'API token'],
  ] as const)('says so when %s has no such object', (table, noun) => {
    for (const text of ['nothing', 'xxx_00000000000000000000']) {
      expect(resolve(corp().snapshot, table, text)).toEqual({
        kind: 'refuse',
        problem: { code: 'not-found', detail: `there is no ${noun} "${text}"` },
      });
    }
  });
});
