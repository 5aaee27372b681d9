import type { Endpoint } from '../../protocol/endpoint.ts';
import type { Name } from '../../protocol/name.ts';
import type { Address } from '../../protocol/net.ts';
import type { ChangeContext, Connector, Decision, Snapshot } from './types.ts';

export type ConnectorPatch = {
  /** Id or name. */
  readonly connector: string;
  readonly name?: Name | undefined;
  /** Null: use the address that the control plane observes. */
  readonly endpoint?: Endpoint | null | undefined;
};

export function updateConnector(_snapshot: Snapshot, _patch: ConnectorPatch): Decision<Connector> {
  throw new RangeError('not written');
}

/** The result is the tombstone. */
export function removeConnector(
  _snapshot: Snapshot,
  _input: { readonly connector: string },
  _context: Pick<ChangeContext, 'now'>,
): Decision<Connector> {
  throw new RangeError('not written');
}

export function setObservedEndpoint(
  _snapshot: Snapshot,
  _input: { readonly connectorId: string; readonly address: Address },
): Decision<Connector> {
  throw new RangeError('not written');
}
