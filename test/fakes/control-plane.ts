/**
 * A real control plane in process: a store on a temporary file, an authority, hub and API; only
 * clock and log are fakes. An operator's token is there from the start.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changeContext, randomDigits, randomSecret } from '../../control-plane/change-context.ts';
import { type ControlPlane, createControlPlane } from '../../control-plane/control-plane.ts';
import type { Logger } from '../../control-plane/log.ts';
import { createApiToken } from '../../control-plane/model/change-api-token.ts';
import { hashOfSecret } from '../../control-plane/model/hash.ts';
import { Authority, makeAuthorityKey } from '../../control-plane/pki/authority.ts';
import { Store } from '../../control-plane/store/store.ts';
import { parseJoinToken } from '../../protocol/join-token.ts';
import type { JoinAnswer } from '../../protocol/message.ts';
import { parseName } from '../../protocol/name.ts';
import { expectParsed } from '../../protocol/parsed.ts';
import type { EnrollmentTokenCreated } from '../../protocol/rest.ts';
import { type AgentKey, makeAgentKey } from './agent-key.ts';
import { FakeClock } from './clock.ts';

export const NOON = Date.UTC(2026, 2, 1, 12);
export const AGENTS_URL = 'https://203.0.113.1:8444';

export type LogLine = {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: object;
};

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** As parsed and not checked: what an answer holds is what the test is about. */
  readonly body: ReturnType<typeof JSON.parse>;
};

export type Member = JoinAnswer & { readonly key: AgentKey; readonly publicKey: string };

export class TestControlPlane {
  readonly store: Store;
  readonly authority: Authority;
  readonly clock: FakeClock;
  readonly log: LogLine[];
  readonly controlPlane: ControlPlane;
  /** Secret of the operator's API token. */
  readonly operator: string;
  readonly #directory: string;

  private constructor(parts: {
    store: Store;
    authority: Authority;
    clock: FakeClock;
    log: LogLine[];
    controlPlane: ControlPlane;
    operator: string;
    directory: string;
  }) {
    this.store = parts.store;
    this.authority = parts.authority;
    this.clock = parts.clock;
    this.log = parts.log;
    this.controlPlane = parts.controlPlane;
    this.operator = parts.operator;
    this.#directory = parts.directory;
  }

  static async open(): Promise<TestControlPlane> {
    const directory = await mkdtemp(join(tmpdir(), 'culvert-control-plane-'));
    const clock = new FakeClock(NOON);
    const log: LogLine[] = [];
    const logger = loggerTo(log);
    const store = await Store.open({
      path: join(directory, 'culvert.db'),
      newEpoch: () => randomDigits(randomBytes, 12),
      logger,
    });
    const authority = await Authority.certify(await makeAuthorityKey(), clock.now);
    const controlPlane = await createControlPlane({
      store,
      authority,
      settings: { agentsUrls: [AGENTS_URL] },
      logger,
      clock,
      randomBytes,
    });
    const operator = randomSecret(randomBytes);
    await store.change((snapshot) =>
      createApiToken(
        snapshot,
        { name: expectParsed(parseName('operator')), secretHash: hashOfSecret(operator) },
        changeContext(clock, randomBytes),
      ),
    );
    return new TestControlPlane({
      store,
      authority,
      clock,
      log,
      controlPlane,
      operator,
      directory,
    });
  }

  async close(): Promise<void> {
    await this.controlPlane.close();
    await this.store.close();
    await rm(this.#directory, { recursive: true });
  }

  /** A request of the operator, for example `request('POST /v1/networks', { name: 'office' })`. */
  async request(route: string, body?: unknown, headers: Record<string, string> = {}) {
    const [method, url] = route.split(' ');
    const response = await this.controlPlane.api.inject({
      method: method as 'GET', // any method; the type only lists them
      url: url ?? '',
      headers: {
        authorization: `Bearer ${this.operator}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const isJson = response.payload !== '' && /json/.test(`${response.headers['content-type']}`);
    const answer: Answer = {
      status: response.statusCode,
      headers: response.headers,
      body: isJson ? response.json() : response.payload,
    };
    return answer;
  }

  /** Network `office` with the sites `hq` (10.1.0.0/16) and `branch` (10.2.0.0/16). */
  async makeOffice(): Promise<void> {
    await this.created('POST /v1/networks', {
      name: 'office',
      overlayPrefixes: ['100.64.0.0/16'],
    });
    for (const [name, prefix] of [
      ['hq', '10.1.0.0/16'],
      ['branch', '10.2.0.0/16'],
    ]) {
      await this.created('POST /v1/sites', { network: 'office', name, prefixes: [prefix] });
    }
  }

  /** @returns the resource. @throws {Error} when it was not created */
  async created(route: string, body: unknown): Promise<Answer['body']> {
    const answer = await this.request(route, body);
    if (answer.status === 201) return answer.body;
    throw new Error(`${route} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  }

  /** An agent with fresh keys joins the site. */
  async join(site: string, name: string, remoteAddress = '198.51.100.7'): Promise<Member> {
    const { token }: EnrollmentTokenCreated = await this.created('POST /v1/enrollment-tokens', {
      site,
    });
    const key = await makeAgentKey();
    const publicKey = randomBytes(32).toString('base64');
    const outcome = await this.controlPlane.door.join(
      joinBody({ token, name, key, publicKey }),
      remoteAddress,
    );
    if (outcome.kind === 'joined') return { ...outcome.answer, key, publicKey };
    throw new Error(`join refused: ${outcome.problem.detail}`);
  }
}

export function loggerTo(log: LogLine[]): Logger {
  const write = (level: LogLine['level']) => (fields: object, message: string) => {
    log.push({ level, message, fields });
  };
  return { info: write('info'), warn: write('warn'), error: write('error') };
}

export function joinBody({
  token,
  name,
  key,
  publicKey,
}: {
  readonly token: string;
  readonly name: string;
  readonly key: AgentKey;
  readonly publicKey: string;
}): object {
  return {
    secret: expectParsed(parseJoinToken(token)).secret.reveal(),
    certificateRequest: key.requestPem,
    wireguardPublicKey: publicKey,
    name,
    listenPort: 51_820,
    proposedPrefixes: [],
  };
}
