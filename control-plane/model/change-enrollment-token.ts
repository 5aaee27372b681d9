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
  _snapshot: Snapshot,
  _input: EnrollmentTokenInput,
  _context: ChangeContext,
): Decision<EnrollmentToken> {
  throw new RangeError('not written');
}

export function revokeEnrollmentToken(
  _snapshot: Snapshot,
  _input: { readonly token: string },
  _context: Pick<ChangeContext, 'now'>,
): Decision<EnrollmentToken> {
  throw new RangeError('not written');
}

export function enrollmentTokenState(
  _token: EnrollmentToken,
  _now: Milliseconds,
): EnrollmentTokenState {
  throw new RangeError('not written');
}
