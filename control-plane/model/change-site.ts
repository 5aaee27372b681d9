import type { Name } from '../../protocol/name.ts';
import type { Prefix } from '../../protocol/net.ts';
import type { ChangeContext, Decision, Site, Snapshot } from './types.ts';

export type SiteInput = {
  /** Id or name. */
  readonly network: string;
  readonly name: Name;
  readonly prefixes?: readonly Prefix[] | undefined;
};

export function createSite(
  _snapshot: Snapshot,
  _input: SiteInput,
  _context: ChangeContext,
): Decision<Site> {
  throw new RangeError('not written');
}

export function updateSite(
  _snapshot: Snapshot,
  _patch: { readonly site: string; readonly assignment: string },
): Decision<Site> {
  throw new RangeError('not written');
}

export function deleteSite(_snapshot: Snapshot, _input: { readonly site: string }): Decision<Site> {
  throw new RangeError('not written');
}
