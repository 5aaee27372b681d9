/**
 * The prefix table against the kernel's: the same random routes, the same addresses asked.
 *
 *     router [eth0] ─── [eth0] far
 *
 * @module
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Address,
  canonicalPrefix,
  contains,
  type Family,
  type Prefix,
  prefix,
} from '../../protocol/net.ts';
import { PrefixTable } from '../../protocol/prefix-table.ts';
import { denseAddress, densePrefix } from '../fakes/arbitrary.ts';
import { Lab } from './lab.ts';
import type { Machine } from './machine.ts';

/** Addresses that the kernel looks up elsewhere than in its main table. */
const NEVER_ROUTED: Readonly<Record<Family, readonly Prefix[]>> = {
  4: [prefix('0.0.0.0/8'), prefix('127.0.0.0/8'), prefix('224.0.0.0/3')],
  6: [prefix('::/64'), prefix('fe80::/10'), prefix('ff00::/8')],
};

describe('PrefixTable.match()', () => {
  test.each<[Family]>([[4], [6]])(
    'finds the route that the kernel takes, IPv%d',
    async (family) => {
      await using lab = await Lab.create(`prefix-table-${family}`);
      const [router, far] = [await lab.addMachine('router'), await lab.addMachine('far')];
      await lab.cable({ machine: router, device: 'eth0' }, { machine: far, device: 'eth0' });
      await fc.assert(
        fc.asyncProperty(prefixesOf(family), addressesOf(family), async (prefixes, addresses) => {
          const table = new PrefixTable(prefixes.map((at) => [at, undefined]));
          await replaceRoutes(router, family, prefixes);
          const taken = await routesTaken(router, family, addresses);
          expect(taken).toEqual(addresses.map((to) => table.match(to)?.prefix));
        }),
        { numRuns: 20, endOnFailure: true },
      );
    },
  );
});

/** With the default route among them: every address is answered, so answers stay in step. */
function prefixesOf(family: Family): fc.Arbitrary<Prefix[]> {
  const all = prefix(family === 4 ? '0.0.0.0/0' : '::/0');
  return fc
    .uniqueArray(densePrefix(family), { minLength: 50, maxLength: 300 })
    .map((prefixes) => [...new Set([all, ...prefixes])]);
}

function addressesOf(family: Family): fc.Arbitrary<Address[]> {
  const routed = denseAddress(family).filter(
    (address) => !NEVER_ROUTED[family].some((range) => contains(range, address)),
  );
  return fc.array(routed, { minLength: 50, maxLength: 300 });
}

async function replaceRoutes(
  router: Machine,
  family: Family,
  prefixes: readonly Prefix[],
): Promise<void> {
  const lines = prefixes.map((at) => `route add ${at} dev eth0 proto 121`);
  const input = ['route flush proto 121', ...lines].join('\n');
  await router.run(['ip', `-${family}`, '-batch', '-'], { input });
}

/** `fibmatch`: the route itself, not what follows from it (ip-route(8)). */
async function routesTaken(
  router: Machine,
  family: Family,
  addresses: readonly Address[],
): Promise<(Prefix | undefined)[]> {
  const input = addresses.map((to) => `route get fibmatch ${to}`).join('\n');
  const output = await router.run(['ip', `-${family}`, '-batch', '-'], { input });
  return output
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .map((to) => canonicalPrefix(to === 'default' ? (family === 4 ? '0.0.0.0/0' : '::/0') : to));
}
