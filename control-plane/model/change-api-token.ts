/**
 * Decides changes of API tokens, by which operators and their programs are known. Pure.
 *
 * @module
 */
import type { Name } from '../../protocol/name.ts';
import { change, put, refuse, remove } from './decision.ts';
import { resolve } from './reference.ts';
import type { ApiToken, ChangeContext, Decision, Milliseconds, Snapshot } from './types.ts';

export type ApiTokenInput = {
  readonly name: Name;
  /** SHA-256 of the secret, hexadecimal. */
  readonly secretHash: string;
  /** Absent: it does not expire. */
  readonly expiresInSeconds?: number | undefined;
};

export function createApiToken(
  snapshot: Snapshot,
  input: ApiTokenInput,
  context: ChangeContext,
): Decision<ApiToken> {
  const { name, secretHash, expiresInSeconds } = input;
  if ([...snapshot.apiTokens.values()].some((token) => token.name === name)) {
    return refuse('name-taken', `there is an API token "${name}" already`, '/name');
  }
  const token: ApiToken = {
    id: context.newId('key'),
    name,
    secretHash,
    expiresAt: expiresInSeconds === undefined ? null : context.now + expiresInSeconds * 1000,
    createdAt: context.now,
  };
  return change(token, { writes: [put('apiTokens', token)], reachesAgents: false });
}

/** The result is the token as it was. */
export function deleteApiToken(
  snapshot: Snapshot,
  input: { readonly token: string },
): Decision<ApiToken> {
  const found = resolve(snapshot, 'apiTokens', input.token);
  if (found.kind === 'refuse') return found;
  return change(found.row, { writes: [remove('apiTokens', found.row)], reachesAgents: false });
}

/** The token that has this secret and has not expired. */
export function apiTokenOf(
  snapshot: Snapshot,
  secretHash: string,
  now: Milliseconds,
): ApiToken | undefined {
  return [...snapshot.apiTokens.values()].find(
    (token) =>
      token.secretHash === secretHash && (token.expiresAt === null || now < token.expiresAt),
  );
}
