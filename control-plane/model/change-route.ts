import type { Prefix } from '../../protocol/net.ts';
import type { ChangeContext, Decision, Route, Snapshot } from './types.ts';

export function createRoute(
  _snapshot: Snapshot,
  _input: { readonly site: string; readonly prefix: Prefix },
  _context: ChangeContext,
): Decision<Route> {
  throw new RangeError('not written');
}

export function updateRoute(
  _snapshot: Snapshot,
  _patch: { readonly route: string; readonly state: Route['state'] },
): Decision<Route> {
  throw new RangeError('not written');
}

export function deleteRoute(
  _snapshot: Snapshot,
  _input: { readonly route: string },
): Decision<Route> {
  throw new RangeError('not written');
}
