/**
 * The control plane's facts, as they are stored, and the shape of a decision about them.
 * A snapshot is immutable: a change is a pure function from a snapshot to rows to write or
 * to a Problem (`change-*.ts`); the store commits the rows and gives the next snapshot.
 *
 * @module
 */
import type { Endpoint } from '../../protocol/endpoint.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import type { Name } from '../../protocol/name.ts';
import type { Address, Prefix } from '../../protocol/net.ts';
import type { Problem } from '../../protocol/problem.ts';

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Milliseconds = number;

export type Network = {
  readonly id: string;
  readonly name: Name;
  /** At most one IPv4 and one IPv6 prefix, IPv4 first. */
  readonly overlayPrefixes: readonly Prefix[];
  readonly mtuBytes: number;
  readonly keepaliveSeconds: number;
  readonly createdAt: Milliseconds;
};

export type Site = {
  readonly id: string;
  readonly networkId: string;
  /** Unique inside the network. */
  readonly name: Name;
  /** The connector that carries the site's routes; null while the site has none. */
  readonly assignedConnectorId: string | null;
  readonly createdAt: Milliseconds;
};

export type Connector = {
  readonly id: string;
  readonly siteId: string;
  /** Unique inside the network. */
  readonly name: Name;
  readonly publicKey: PublicKey;
  /** SHA-256 of the identity key (SubjectPublicKeyInfo, DER), hexadecimal: who the agent is. */
  readonly identityFingerprint: string;
  /** Allocated once, one of each overlay prefix, in its order; never reused while it stands. */
  readonly overlayAddresses: readonly Address[];
  readonly listenPort: number;
  /** Set by an operator, or by the agent when it joined. */
  readonly configuredEndpoint: Endpoint | null;
  /** The address the agent's stream came from, with its listen port. */
  readonly observedEndpoint: Endpoint | null;
  readonly enrollmentTokenId: string;
  readonly createdAt: Milliseconds;
  /**
   * A removed connector stays as a tombstone, so that its agent can be told so. One that is
   * merely unknown (a restore from an old backup) must not be told to leave.
   */
  readonly removedAt: Milliseconds | null;
};

export type Route = {
  readonly id: string;
  readonly siteId: string;
  readonly prefix: Prefix;
  readonly state: 'approved' | 'pending';
  /** Null when an operator made it. */
  readonly proposedByConnectorId: string | null;
  readonly createdAt: Milliseconds;
};

export type EnrollmentToken = {
  readonly id: string;
  readonly siteId: string;
  /** SHA-256 of the secret, hexadecimal: of 256 random bits a plain hash is enough. */
  readonly secretHash: string;
  readonly maxUses: number;
  readonly uses: number;
  readonly expiresAt: Milliseconds;
  readonly revokedAt: Milliseconds | null;
  readonly createdAt: Milliseconds;
};

export type ApiToken = {
  readonly id: string;
  readonly name: Name;
  /** SHA-256 of the secret, hexadecimal. */
  readonly secretHash: string;
  readonly expiresAt: Milliseconds | null;
  readonly createdAt: Milliseconds;
};

/** Every table by name. Rows are found by `id`. */
export type Tables = {
  readonly networks: Network;
  readonly sites: Site;
  readonly connectors: Connector;
  readonly routes: Route;
  readonly enrollmentTokens: EnrollmentToken;
  readonly apiTokens: ApiToken;
};

export type TableName = keyof Tables;

export type Snapshot = {
  readonly epoch: string;
  /** Raised by every change that can reach an agent. */
  readonly revision: number;
  /** Raised by every commit; two writers that decided from one snapshot cannot both commit. */
  readonly sequence: number;
} & { readonly [T in TableName]: ReadonlyMap<string, Tables[T]> };

export type Write =
  | { readonly [T in TableName]: { kind: 'put'; table: T; row: Tables[T] } }[TableName]
  | { readonly kind: 'delete'; readonly table: TableName; readonly id: string };

/** What a change decides. */
export type Decision<R> =
  | {
      readonly kind: 'change';
      readonly writes: readonly Write[];
      /** Raises the revision: some agent may have to hear of it. */
      readonly reachesAgents: boolean;
      /** What the caller gets when it is committed. */
      readonly result: R;
    }
  | { readonly kind: 'refuse'; readonly problem: Problem };

/** What a change may not take from the world by itself. */
export type ChangeContext = {
  readonly now: Milliseconds;
  /** An id with this prefix and 20 random digits of 0-9a-z: `newId('net')`. */
  readonly newId: (prefix: 'net' | 'sit' | 'con' | 'rou' | 'tok' | 'key') => string;
  /** Cryptographically random bytes. */
  readonly randomBytes: (count: number) => Uint8Array;
};
