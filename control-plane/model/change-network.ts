import type { Name } from '../../protocol/name.ts';
import type { Prefix } from '../../protocol/net.ts';
import type { ChangeContext, Decision, Network, Snapshot } from './types.ts';

export type NetworkInput = {
  readonly name: Name;
  readonly overlayPrefixes?: readonly Prefix[] | undefined;
  readonly mtuBytes?: number | undefined;
  readonly keepaliveSeconds?: number | undefined;
};

export type NetworkPatch = {
  /** Id or name. */
  readonly network: string;
  readonly mtuBytes?: number | undefined;
  readonly keepaliveSeconds?: number | undefined;
};

export function createNetwork(
  _snapshot: Snapshot,
  _input: NetworkInput,
  _context: ChangeContext,
): Decision<Network> {
  throw new RangeError('not written');
}

export function updateNetwork(_snapshot: Snapshot, _patch: NetworkPatch): Decision<Network> {
  throw new RangeError('not written');
}

/** The result is the network as it was. */
export function deleteNetwork(
  _snapshot: Snapshot,
  _input: { readonly network: string },
): Decision<Network> {
  throw new RangeError('not written');
}
