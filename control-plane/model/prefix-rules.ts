/**
 * Which prefixes may be behind a site or be an overlay. One network is one routing domain: no
 * two approved routes of it overlap, and none overlaps its overlay prefixes. A pending route is
 * only a proposal and is judged when it is approved.
 *
 * @module
 */
import { familyOf, overlaps, type Prefix, prefixLength } from '../../protocol/net.ts';
import { PrefixTable } from '../../protocol/prefix-table.ts';
import { whyNotASitePrefix } from '../../protocol/special-purpose.ts';
import { type Refusal, refuse } from './decision.ts';
import { routesOfNetwork, rowOf } from './snapshot.ts';
import type { Network, Site, Snapshot } from './types.ts';

/** Lengths that an overlay prefix may have: room for connectors, and not a whole internet. */
const OVERLAY_LENGTHS = { 4: { least: 8, most: 28 }, 6: { least: 48, most: 112 } } as const;

/** The approved routes of a network, each with its site. */
export function approvedPrefixes(snapshot: Snapshot, networkId: string): PrefixTable<Site> {
  return new PrefixTable(
    routesOfNetwork(snapshot, networkId)
      .filter((route) => route.state === 'approved')
      .map((route) => [route.prefix, rowOf(snapshot, 'sites', route.siteId)] as const),
  );
}

/** Why a prefix cannot be behind any site; undefined when it can. */
export function refuseSpecialPurpose(prefix: Prefix, field?: string): Refusal | undefined {
  const fault = whyNotASitePrefix(prefix);
  return fault === undefined ? undefined : refuse('special-purpose-prefix', fault, field);
}

/**
 * Why a prefix cannot be an approved route of the network; undefined when it can.
 *
 * @param where.approved what is approved already, see {@link approvedPrefixes}
 */
export function refuseApproval(
  prefix: Prefix,
  where: {
    readonly network: Network;
    readonly approved: PrefixTable<Site>;
    readonly field?: string;
  },
): Refusal | undefined {
  const { network, approved, field } = where;
  const special = refuseSpecialPurpose(prefix, field);
  if (special !== undefined) return special;
  const overlay = network.overlayPrefixes.find((other) => overlaps(other, prefix));
  if (overlay !== undefined) {
    return refuse(
      'overlay-conflict',
      `"${prefix}" overlaps the overlay prefix "${overlay}" of network "${network.name}"`,
      field,
    );
  }
  const [met] = approved.overlapping(prefix);
  if (met === undefined) return undefined;
  return refuse(
    'route-conflict',
    `"${prefix}" overlaps route "${met.prefix}" of site "${met.value.name}"`,
    field,
  );
}

/** Why these cannot be the overlay prefixes of a network; undefined when they can. */
export function refuseOverlay(prefixes: readonly Prefix[]): Refusal | undefined {
  for (const [index, prefix] of prefixes.entries()) {
    const field = `/overlayPrefixes/${index}`;
    const special = refuseSpecialPurpose(prefix, field);
    if (special !== undefined) return special;
    const family = familyOf(prefix);
    const { least, most } = OVERLAY_LENGTHS[family];
    const length = prefixLength(prefix);
    if (length < least || length > most) {
      return refuse(
        'invalid-request',
        `"${prefix}" cannot be an overlay prefix; expected a length of /${least} to /${most} ` +
          `for IPv${family}`,
        field,
      );
    }
    if (prefixes.slice(0, index).some((other) => familyOf(other) === family)) {
      return refuse(
        'invalid-request',
        `"${prefix}" is the second IPv${family} prefix; expected at most one of each family`,
        field,
      );
    }
  }
  return undefined;
}
