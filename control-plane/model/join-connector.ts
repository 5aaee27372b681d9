import type { Endpoint } from '../../protocol/endpoint.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import type { Name } from '../../protocol/name.ts';
import type { Address, Prefix } from '../../protocol/net.ts';
import type { ChangeContext, Connector, Decision, Network, Site, Snapshot } from './types.ts';

export type JoinInput = {
  /** SHA-256 of the token's secret, hexadecimal. */
  readonly secretHash: string;
  /** What the connector would like to be called. */
  readonly name: Name;
  readonly publicKey: PublicKey;
  /** SHA-256 of the identity key (SubjectPublicKeyInfo, DER), hexadecimal. */
  readonly identityFingerprint: string;
  readonly listenPort: number;
  readonly endpoint?: Endpoint | undefined;
  /** Where the request came from. */
  readonly observedAddress?: Address | undefined;
  readonly proposedPrefixes: readonly Prefix[];
};

export type Joined = {
  readonly connector: Connector;
  readonly site: Site;
  readonly network: Network;
  /** False when the same agent had joined before. */
  readonly isNew: boolean;
};

export function joinConnector(
  _snapshot: Snapshot,
  _input: JoinInput,
  _context: ChangeContext,
): Decision<Joined> {
  throw new RangeError('not written');
}
