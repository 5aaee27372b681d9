/**
 * Makes this host a connector. The keys are on disk before the control plane hears of them,
 * so a join that is killed anywhere is finished by running it again.
 *
 * @module
 */
import type { Endpoint } from '../protocol/endpoint.ts';
import type { JoinToken } from '../protocol/join-token.ts';
import {
  JOIN_PATH,
  type JoinAnswer,
  JoinAnswerSchema,
  type JoinRequest,
} from '../protocol/message.ts';
import type { Name } from '../protocol/name.ts';
import type { Prefix } from '../protocol/net.ts';
import { ProblemError } from '../protocol/problem.ts';
import { parseWith } from '../protocol/schema.ts';
import { createCertificateRequest } from './certificate-request.ts';
import { ControlPlaneError, fetchAuthority, post } from './control-plane-client.ts';
import {
  createIdentity,
  type Identity,
  IdentityError,
  identityKey,
  loadIdentity,
  type Member,
  saveIdentity,
  wireguardPublicKey,
} from './identity.ts';

export type JoinOptions = {
  readonly token: JoinToken;
  readonly stateDirectory: string;
  readonly name: Name;
  readonly listenPort: number;
  readonly interfaceBase: string;
  readonly endpoint?: Endpoint | undefined;
  readonly proposedPrefixes: readonly Prefix[];
};

/**
 * @param ask brings the request to a control plane of the token
 * @throws {IdentityError} when this host is a connector of another control plane
 * @throws {ControlPlaneError} when no control plane of the token can be reached and proven
 * @throws {ProblemError} when it refuses
 */
export async function join(
  options: JoinOptions,
  ask: (token: JoinToken, request: JoinRequest) => Promise<JoinAnswer> = askEach,
): Promise<Member> {
  const { token, stateDirectory } = options;
  const found = loadIdentity(stateDirectory);
  assertNotElsewhere(found, token);
  const identity: Identity = {
    ...(found ?? createIdentity(options)),
    listenPort: options.listenPort,
    interfaceBase: options.interfaceBase,
  };
  if (found === undefined) saveIdentity(stateDirectory, identity);
  const request: JoinRequest = {
    secret: token.secret.reveal(),
    certificateRequest: await createCertificateRequest(identityKey(identity)),
    wireguardPublicKey: wireguardPublicKey(identity),
    name: options.name,
    listenPort: options.listenPort,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    proposedPrefixes: [...options.proposedPrefixes],
  };
  const answer = await ask(token, request);
  const member: Member = { ...identity, membership: { ...answer, urls: [...token.urls] } };
  saveIdentity(stateDirectory, member);
  return member;
}

function assertNotElsewhere(identity: Identity | undefined, token: JoinToken): void {
  const membership = identity?.membership;
  if (membership === undefined) return;
  if (membership.urls.some((url) => token.urls.includes(url))) return;
  throw new IdentityError(
    `Cannot join: this host is connector "${membership.connector}" of the control plane at ` +
      `${membership.urls.join(', ')}; run "culvert agent leave" first`,
  );
}

/** Tries the control planes of the token in order; only one that cannot be reached is passed. */
async function askEach(token: JoinToken, request: JoinRequest): Promise<JoinAnswer> {
  const errors: ControlPlaneError[] = [];
  for (const url of token.urls) {
    try {
      const authority = await fetchAuthority(url, token.authorityFingerprint);
      const answer = parseWith(
        JoinAnswerSchema,
        await post(`${url}${JOIN_PATH}`, request, { authority }),
      );
      if (answer.ok) return answer.value;
      throw new ControlPlaneError(`Cannot use the answer of ${url}: ${answer.message}`);
    } catch (error) {
      if (error instanceof ProblemError || !(error instanceof ControlPlaneError)) throw error;
      errors.push(error);
    }
  }
  if (errors.length === 1 && errors[0] !== undefined) throw errors[0];
  throw new ControlPlaneError(errors.map((error) => error.message).join('; '));
}
