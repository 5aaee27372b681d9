import type { Name } from '../../protocol/name.ts';
import type { ApiToken, ChangeContext, Decision, Milliseconds, Snapshot } from './types.ts';

export type ApiTokenInput = {
  readonly name: Name;
  /** SHA-256 of the secret, hexadecimal. */
  readonly secretHash: string;
  readonly expiresInSeconds?: number | undefined;
};

export function createApiToken(
  _snapshot: Snapshot,
  _input: ApiTokenInput,
  _context: ChangeContext,
): Decision<ApiToken> {
  throw new RangeError('not written');
}

export function deleteApiToken(
  _snapshot: Snapshot,
  _input: { readonly token: string },
): Decision<ApiToken> {
  throw new RangeError('not written');
}

/** The token that has this secret and has not expired. */
export function apiTokenOf(
  _snapshot: Snapshot,
  _secretHash: string,
  _now: Milliseconds,
): ApiToken | undefined {
  throw new RangeError('not written');
}
