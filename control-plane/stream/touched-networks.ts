/**
 * Finds the networks whose configurations a change can have altered, so that a change in one
 * costs nothing in the others. Pure.
 *
 * @module
 */
import type { Snapshot } from '../model/types.ts';

/** Ids of networks of which some row came, went or changed between the two snapshots. */
export function touchedNetworks(previous: Snapshot, snapshot: Snapshot): Set<string> {
  const touched = new Set<string>();
  for (const table of ['networks', 'sites', 'connectors', 'routes'] as const) {
    const [before, after]: ReadonlyMap<string, object>[] = [previous[table], snapshot[table]];
    if (before === undefined || before === after) continue; // tables that stay are shared
    for (const id of new Set([...before.keys(), ...(after?.keys() ?? [])])) {
      if (before.get(id) === after?.get(id)) continue;
      for (const side of [previous, snapshot]) {
        const network = networkOf(side, table, id);
        if (network !== undefined) touched.add(network);
      }
    }
  }
  return touched;
}

function networkOf(
  snapshot: Snapshot,
  table: 'networks' | 'sites' | 'connectors' | 'routes',
  id: string,
): string | undefined {
  if (table === 'networks') return id;
  const siteId = table === 'sites' ? id : snapshot[table].get(id)?.siteId;
  return siteId === undefined ? undefined : snapshot.sites.get(siteId)?.networkId;
}
