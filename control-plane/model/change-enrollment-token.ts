/**
 * Decides changes of enrollment tokens: the permission to join a site. Pure. What is done
 * with one is in `join-connector.ts`.
 *
 * @module
 */
import { DEFAULT_TOKEN_LIFETIME_SECONDS } from '../../protocol/rest.ts';
import { change, put, unchanged } from './decision.ts';
import { resolve } from './reference.ts';
import type { ChangeContext, Decision, EnrollmentToken, Milliseconds, Snapshot } from './types.ts';

export type EnrollmentTokenInput = {
  /** Id or name. */
  readonly site: string;
  /** SHA-256 of the secret, hexadecimal. */
  readonly secretHash: string;
  readonly maxUses?: number | undefined;
  readonly expiresInSeconds?: number | undefined;
};

export type EnrollmentTokenState = 'usable' | 'used' | 'expired' | 'revoked';

export function createEnrollmentToken(
  snapshot: Snapshot,
  input: EnrollmentTokenInput,
  context: ChangeContext,
): Decision<EnrollmentToken> {
  const found = resolve(snapshot, 'sites', input.site, { field: '/site' });
  if (found.kind === 'refuse') return found;
  const lifetimeSeconds = input.expiresInSeconds ?? DEFAULT_TOKEN_LIFETIME_SECONDS;
  const token: EnrollmentToken = {
    id: context.newId('tok'),
    siteId: found.row.id,
    secretHash: input.secretHash,
    maxUses: input.maxUses ?? 1,
    uses: 0,
    expiresAt: context.now + lifetimeSeconds * 1000,
    revokedAt: null,
    createdAt: context.now,
  };
  return change(token, { writes: [put('enrollmentTokens', token)], reachesAgents: false });
}

/** The token stays, so that who uses it is told why not. Connectors made by it stay too. */
export function revokeEnrollmentToken(
  snapshot: Snapshot,
  input: { readonly token: string },
  context: Pick<ChangeContext, 'now'>,
): Decision<EnrollmentToken> {
  const found = resolve(snapshot, 'enrollmentTokens', input.token);
  if (found.kind === 'refuse') return found;
  if (found.row.revokedAt !== null) return unchanged(found.row);
  const token: EnrollmentToken = { ...found.row, revokedAt: context.now };
  return change(token, { writes: [put('enrollmentTokens', token)], reachesAgents: false });
}

/** The strongest reason first: one that is revoked and expired says "revoked". */
export function enrollmentTokenState(
  token: EnrollmentToken,
  now: Milliseconds,
): EnrollmentTokenState {
  if (token.revokedAt !== null) return 'revoked';
  if (now >= token.expiresAt) return 'expired';
  return token.uses >= token.maxUses ? 'used' : 'usable';
}
