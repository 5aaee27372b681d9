/**
 * Decides what becomes of a join request: an enrollment token makes an agent a connector of
 * its site. Pure. That the sender holds the identity key is the caller's to prove.
 *
 * @module
 */
import { type Endpoint, formatEndpoint } from '../../protocol/endpoint.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import type { Name } from '../../protocol/name.ts';
import type { Address, Prefix } from '../../protocol/net.ts';
import { allocateOverlayAddresses } from './allocate.ts';
import { enrollmentTokenState } from './change-enrollment-token.ts';
import { change, put, type Refusal, refuse, unchanged } from './decision.ts';
import { refuseSpecialPurpose } from './prefix-rules.ts';
import { connectorsOfNetwork, isLiving, networkOfSite, routesOfSite, rowOf } from './snapshot.ts';
import type {
  ChangeContext,
  Connector,
  Decision,
  EnrollmentToken,
  Network,
  Route,
  Site,
  Snapshot,
} from './types.ts';

export type JoinInput = {
  /** SHA-256 of the token's secret, hexadecimal. */
  readonly secretHash: string;
  /** What the connector would like to be called; a number is added when the name is taken. */
  readonly name: Name;
  readonly publicKey: PublicKey;
  /** SHA-256 of the identity key (SubjectPublicKeyInfo, DER), hexadecimal. */
  readonly identityFingerprint: string;
  readonly listenPort: number;
  /** What the agent says about itself; it is told to peers until an operator says otherwise. */
  readonly endpoint?: Endpoint | undefined;
  /** Where the request came from. */
  readonly observedAddress?: Address | undefined;
  readonly proposedPrefixes: readonly Prefix[];
};

export type Joined = {
  readonly connector: Connector;
  readonly site: Site;
  readonly network: Network;
  /** False when the same agent had joined by the same token before. */
  readonly isNew: boolean;
};

/**
 * Idempotent: an agent that did not hear the answer asks again and is the same connector,
 * also when that used the token up. It is refused once the token is expired or revoked.
 */
export function joinConnector(
  snapshot: Snapshot,
  input: JoinInput,
  context: ChangeContext,
): Decision<Joined> {
  const token = [...snapshot.enrollmentTokens.values()].find(
    ({ secretHash }) => secretHash === input.secretHash,
  );
  if (token === undefined) {
    return refuse('token-unknown', 'no site has this join token; expected one made here');
  }
  const state = enrollmentTokenState(token, context.now);
  if (state === 'revoked' || state === 'expired') return refuseToken(token, state);
  const site = rowOf(snapshot, 'sites', token.siteId);
  const network = networkOfSite(snapshot, site);
  const same = [...snapshot.connectors.values()].find(
    (connector) =>
      isLiving(connector) &&
      (connector.publicKey === input.publicKey ||
        connector.identityFingerprint === input.identityFingerprint),
  );
  if (same !== undefined) {
    return isRepeat(same, { token, input })
      ? unchanged({ connector: same, site, network, isNew: false })
      : refuseKey(same, input);
  }
  if (state === 'used') return refuseToken(token, state);
  return makeConnector(snapshot, { input, token, site, network }, context);
}

function makeConnector(
  snapshot: Snapshot,
  join: {
    readonly input: JoinInput;
    readonly token: EnrollmentToken;
    readonly site: Site;
    readonly network: Network;
  },
  context: ChangeContext,
): Decision<Joined> {
  const { input, token, network } = join;
  const allocated = allocateOverlayAddresses(snapshot, network);
  if ('exhausted' in allocated) {
    return refuse(
      'overlay-exhausted',
      `overlay prefix "${allocated.exhausted}" of network "${network.name}" has no free address`,
    );
  }
  const { observedAddress, listenPort } = input;
  const connector: Connector = {
    id: context.newId('con'),
    siteId: join.site.id,
    name: freeName(snapshot, network, input.name),
    publicKey: input.publicKey,
    identityFingerprint: input.identityFingerprint,
    overlayAddresses: allocated.addresses,
    listenPort,
    configuredEndpoint: input.endpoint ?? null,
    observedEndpoint:
      observedAddress === undefined ? null : formatEndpoint(observedAddress, listenPort),
    enrollmentTokenId: token.id,
    createdAt: context.now,
    removedAt: null,
  };
  const proposals = proposeRoutes(snapshot, { input, connector }, context);
  if ('kind' in proposals) return proposals;
  const isFirst = join.site.assignedConnectorId === null;
  const site: Site = isFirst ? { ...join.site, assignedConnectorId: connector.id } : join.site;
  return change(
    { connector, site, network, isNew: true },
    {
      writes: [
        put('connectors', connector),
        put('enrollmentTokens', { ...token, uses: token.uses + 1 }),
        ...(isFirst ? [put('sites', site)] : []),
        ...proposals.map((route) => put('routes', route)),
      ],
      reachesAgents: true,
    },
  );
}

/** A prefix that the site has already, approved or pending, is no proposal. */
function proposeRoutes(
  snapshot: Snapshot,
  { input, connector }: { readonly input: JoinInput; readonly connector: Connector },
  context: ChangeContext,
): readonly Route[] | Refusal {
  const known = new Set(routesOfSite(snapshot, connector.siteId).map(({ prefix }) => prefix));
  const routes: Route[] = [];
  for (const [index, prefix] of input.proposedPrefixes.entries()) {
    const refusal = refuseSpecialPurpose(prefix, `/proposedPrefixes/${index}`);
    if (refusal !== undefined) return refusal;
    if (known.has(prefix)) continue;
    known.add(prefix);
    routes.push({
      id: context.newId('rou'),
      siteId: connector.siteId,
      prefix,
      state: 'pending',
      proposedByConnectorId: connector.id,
      createdAt: context.now,
    });
  }
  return routes;
}

function isRepeat(
  connector: Connector,
  { token, input }: { readonly token: EnrollmentToken; readonly input: JoinInput },
): boolean {
  return (
    connector.enrollmentTokenId === token.id &&
    connector.publicKey === input.publicKey &&
    connector.identityFingerprint === input.identityFingerprint
  );
}

/** Names no other site's connector: who joins is not yet trusted with more than its own token. */
function refuseKey(connector: Connector, input: JoinInput): Refusal {
  const isWireGuardKey = connector.publicKey === input.publicKey;
  return refuse(
    'already-joined',
    `the ${isWireGuardKey ? 'WireGuard key' : 'identity key'} belongs to a connector already; ` +
      'expected the keys and the token it joined with, or its removal, or other keys',
    isWireGuardKey ? '/wireguardPublicKey' : '/certificateRequest',
  );
}

function refuseToken(token: EnrollmentToken, state: 'used' | 'expired' | 'revoked'): Refusal {
  const day = (time: number) => new Date(time).toISOString();
  switch (state) {
    case 'used':
      return refuse(
        'token-used',
        `the join token was used ${token.uses} of ${token.maxUses} times`,
      );
    case 'expired':
      return refuse('token-expired', `the join token expired at ${day(token.expiresAt)}`);
    case 'revoked':
      return refuse('token-revoked', 'the join token was revoked; expected another one');
  }
}

/** `gw`, else `gw-2`, `gw-3`, … inside the network. */
function freeName(snapshot: Snapshot, network: Network, wanted: Name): Name {
  const taken = new Set(connectorsOfNetwork(snapshot, network.id).map(({ name }) => name));
  let name = wanted;
  for (let number = 2; taken.has(name); number++) {
    const ending = `-${number}`;
    // Still a label: its beginning is one, at most 63 long together, and a digit ends it.
    name = `${wanted.slice(0, 63 - ending.length)}${ending}` as Name;
  }
  return name;
}
