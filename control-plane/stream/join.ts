/**
 * Turns a join request into a connector with a certificate: checks the body, proves that the
 * sender holds the identity key, lets the model decide, issues. Opens no socket.
 *
 * @module
 */
import { type JoinAnswer, JoinRequestSchema } from '../../protocol/message.ts';
import { type Problem, problem } from '../../protocol/problem.ts';
import { faultsOf, type Static } from '../../protocol/schema.ts';
import { changeContext, type RandomBytes } from '../change-context.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { hashOfSecret } from '../model/hash.ts';
import { joinConnector } from '../model/join-connector.ts';
import type { Milliseconds } from '../model/types.ts';
import { type Authority, parseCertificateRequest } from '../pki/authority.ts';
import type { Store } from '../store/store.ts';
import { observedAddress } from './observed-address.ts';

export type JoinOutcome =
  | { readonly kind: 'joined'; readonly answer: JoinAnswer }
  | { readonly kind: 'refuse'; readonly problem: Problem };

/** Refused joins of one address in one {@link FAILURE_WINDOW}: then it has to wait. */
export const MAX_FAILURES = 20;
export const FAILURE_WINDOW: Milliseconds = 60_000;

/** Addresses that are remembered at once; a flood from more starts the count again. */
const MAX_ADDRESSES = 10_000;

export type DoorOptions = {
  readonly store: Pick<Store, 'change'>;
  readonly authority: Pick<Authority, 'issueAgent' | 'certificatePem'>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
};

/** Where agents come in for the first time; counts who was refused. */
export class JoinDoor {
  readonly #options: DoorOptions;
  #windowEndsAt: Milliseconds = 0;
  #failures = new Map<string, number>();

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  /**
   * @param body as it came, checked for nothing but being JSON
   * @param remoteAddress as the socket names it
   */
  async join(body: unknown, remoteAddress: string): Promise<JoinOutcome> {
    if (this.#failuresOf(remoteAddress) >= MAX_FAILURES) {
      const limit = `expected at most ${MAX_FAILURES} refused joins a minute`;
      return refusal(
        problem('too-many-requests', `too many joins of "${remoteAddress}" were refused; ${limit}`),
      );
    }
    const outcome = await this.#decide(body, remoteAddress);
    if (outcome.kind === 'refuse') {
      this.#failures.set(remoteAddress, this.#failuresOf(remoteAddress) + 1);
      const { code, detail } = outcome.problem;
      this.#options.logger.warn({ address: remoteAddress, code }, `join refused: ${detail}`);
    }
    return outcome;
  }

  async #decide(body: unknown, remoteAddress: string): Promise<JoinOutcome> {
    const [fault] = faultsOf(JoinRequestSchema, body);
    if (fault !== undefined) {
      const detail = fault.field === '' ? fault.message : `${fault.field}: ${fault.message}`;
      return refusal(problem('invalid-request', detail, fault.field));
    }
    const { secret, certificateRequest, wireguardPublicKey, ...rest } = body as Static<
      typeof JoinRequestSchema // just checked
    >;
    const request = await parseCertificateRequest(certificateRequest);
    if (!request.ok) {
      return refusal(problem('invalid-request', request.message, '/certificateRequest'));
    }
    const { store, authority, logger, clock, randomBytes } = this.#options;
    const input = {
      ...rest,
      secretHash: hashOfSecret(secret),
      publicKey: wireguardPublicKey,
      identityFingerprint: request.value.identityFingerprint,
      observedAddress: observedAddress(remoteAddress),
    };
    const outcome = await store.change((snapshot) =>
      joinConnector(snapshot, input, changeContext(clock, randomBytes)),
    );
    if (outcome.kind === 'refuse') return outcome;
    const { connector, site, network, isNew } = outcome.result;
    // After the commit: if the program ends here, the agent asks again and is the same connector.
    const certificate = await authority.issueAgent(request.value, connector.id);
    logger.info(
      { network: network.name, site: site.name, connector: connector.name },
      isNew ? 'connector joined' : 'connector joined again',
    );
    return {
      kind: 'joined',
      answer: {
        connectorId: connector.id,
        connector: connector.name,
        site: site.name,
        network: network.name,
        certificate,
        authority: authority.certificatePem,
      },
    };
  }

  #failuresOf(remoteAddress: string): number {
    const now = this.#options.clock.now();
    if (now >= this.#windowEndsAt || this.#failures.size > MAX_ADDRESSES) {
      this.#windowEndsAt = now + FAILURE_WINDOW;
      this.#failures = new Map();
    }
    return this.#failures.get(remoteAddress) ?? 0;
  }
}

function refusal(reason: Problem): JoinOutcome {
  return { kind: 'refuse', problem: reason };
}
