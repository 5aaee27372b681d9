import type { Address, Prefix } from '../../protocol/net.ts';
import type { Connector, Network, Route, Site, Snapshot } from './types.ts';

export type LookupMatch = {
  readonly network: Network;
  readonly kind: 'route' | 'overlay' | 'none';
  readonly prefix: Prefix | null;
  readonly site: Site | null;
  readonly connector: Connector | null;
  readonly alternatives: readonly { readonly route: Route; readonly site: Site }[];
};

export function lookup(_snapshot: Snapshot, _address: Address): LookupMatch[] {
  throw new RangeError('not written');
}
