/**
 * The control plane as a program: opens the data directory, puts both listeners on the network,
 * renews their certificate, and stops in order when it is told to.
 *
 * @module
 */
import { randomBytes as systemRandomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import { VERSION } from '../protocol/version.ts';
import { type RandomBytes, randomDigits } from './change-context.ts';
import { type Clock, systemClock } from './clock.ts';
import { createControlPlane } from './control-plane.ts';
import type { Api } from './http/context.ts';
import { closeServer, type Listen, listen } from './https-server.ts';
import { createLogger, type Logger } from './log.ts';
import type { Milliseconds } from './model/types.ts';
import { ensureOperator } from './operator-file.ts';
import { type Authority, SERVER_LIFETIME, type ServerIdentity } from './pki/authority.ts';
import { openAuthority } from './pki/authority-files.ts';
import type { Settings } from './settings.ts';
import { Store } from './store/store.ts';
import { AgentsListener } from './stream/listener.ts';

/** What is under way when the program is told to stop has this long. */
const CLOSE_GRACE: Milliseconds = 2000;

/** After this the program ends, whatever hangs. */
const CLOSE_LIMIT: Milliseconds = 5000;

/** Half of a certificate's life is left when its successor comes. */
const RENEWAL: Milliseconds = SERVER_LIFETIME / 2;

/** The world as the program meets it; a test brings its own. */
export type ServeOptions = {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
};

export type Running = {
  /** Origin of the API with the port that it really has. */
  readonly apiUrl: string;
  readonly agentsPort: number;
  /** Ends everything in order; the store is durable and closed when it returns. */
  close(): Promise<void>;
};

/** Runs until SIGTERM or SIGINT. @throws {Error} when it cannot start */
export async function serve(settings: Settings): Promise<void> {
  const logger = createLogger();
  const options = { logger, clock: systemClock, randomBytes: systemRandomBytes };
  const running = await start(settings, options);
  const signal = await new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve);
  });
  logger.info({ signal }, 'control plane stops');
  systemClock.after(CLOSE_LIMIT, () => process.exit(1));
  await running.close();
}

/** @throws {Error} when a file, the database or a port cannot be had; nothing stays open */
export async function start(settings: Settings, options: ServeOptions): Promise<Running> {
  const { logger, clock, randomBytes } = options;
  const { dataDirectory: directory } = settings;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const authority = await openAuthority(directory, clock.now);
  const store = await Store.open({
    path: join(directory, 'culvert.db'),
    newEpoch: () => randomDigits(randomBytes, 12),
    logger,
  });
  const controlPlane = await createControlPlane({ ...options, store, authority, settings });
  const names = namesOf(settings);
  const identity = await authority.issueServer(names);
  const agents = new AgentsListener({ ...options, ...controlPlane, store, authority }, identity);
  const api = makeApiServer(controlPlane.api, tlsOf(authority, identity));
  const cancelRenewal = keepFresh(
    () => authority.issueServer(names),
    (fresh) => {
      agents.present(fresh);
      api.setSecureContext(tlsOf(authority, fresh));
    },
    options,
  );
  const close = async () => {
    cancelRenewal();
    await controlPlane.close();
    await Promise.all([agents.close(CLOSE_GRACE), closeServer(api, { clock, grace: CLOSE_GRACE })]);
    await store.close();
  };
  try {
    const agentsPort = await listen(agents.server, settings.agentsListen);
    const apiPort = await listen(api, settings.apiListen);
    const apiUrl = settings.apiUrl ?? originOf({ ...settings.apiListen, port: apiPort });
    const authorityPem = authority.certificatePem;
    const file = await ensureOperator({ ...options, store, directory, url: apiUrl, authorityPem });
    if (file !== undefined) {
      logger.info({ file }, 'first API token made; the command line finds its secret in the file');
    }
    logger.info(
      { version: VERSION, api: apiUrl, agents: settings.agentsUrls, agentsPort },
      'control plane serves',
    );
    return { apiUrl, agentsPort, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Any group and client that speaks TLS 1.3: browsers and curl are clients of the API. */
function makeApiServer(api: Api, tls: SecureContextOptions): Server {
  const limits = { requestTimeout: 30_000, headersTimeout: 10_000 };
  return createServer({ ...tls, ...limits }, (request, response) => api.routing(request, response));
}

function tlsOf(authority: Authority, { certificatePem, keyPem }: ServerIdentity) {
  const cert = certificatePem + authority.certificatePem;
  return { key: keyPem.reveal(), cert, minVersion: 'TLSv1.3' } as const;
}

/**
 * Gives the listeners another certificate at half the life of the one they have.
 *
 * @returns stops it
 */
function keepFresh(
  issue: () => Promise<ServerIdentity>,
  present: (identity: ServerIdentity) => void,
  { clock, logger }: ServeOptions,
): () => void {
  let cancel = () => {};
  let isStopped = false;
  const renew = async () => {
    try {
      present(await issue());
      logger.info({}, 'listener certificate renewed');
    } catch (error) {
      logger.error({ err: error }, 'listener certificate not renewed; restart before it runs out');
    }
    if (!isStopped) cancel = clock.after(RENEWAL, () => void renew());
  };
  cancel = clock.after(RENEWAL, () => void renew());
  return () => {
    isStopped = true;
    cancel();
  };
}

/** Everything that a client may call the listeners by. */
function namesOf({ agentsUrls, apiUrl, apiListen, agentsListen }: Settings): string[] {
  const urls = apiUrl === undefined ? agentsUrls : [...agentsUrls, apiUrl];
  const hosts = [
    ...urls.map((url) => new URL(url).hostname.replace(/^\[|\]$/g, '')),
    ...[apiListen, agentsListen].map(({ host }) => host).filter((host) => !isWildcard(host)),
    'localhost',
    '127.0.0.1',
    '::1',
  ];
  return [...new Set(hosts)];
}

function originOf({ host, port }: Listen): string {
  const address = isWildcard(host) ? '127.0.0.1' : host;
  return `https://${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
}

/** A wildcard of IPv6 takes IPv4 as well. */
function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
