/**
 * The agents' listener: HTTPS with mutual TLS, one request to join, one to leave, and the
 * stream as a WebSocket. Finds out who speaks and hands over to `JoinDoor` and `Hub`.
 *
 * Who an agent is, is the key of its certificate, found in the connectors' rows. Our authority
 * must have signed the certificate, but its dates do not decide: TLS proves that the sender
 * holds the key, the row says that the key may act, and removing the connector revokes it at
 * once. So a gateway that was switched off for longer than its certificate lasts, or whose
 * clock is wrong, comes back, renews, and needs nobody. An expired one is logged.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import { JOIN_PATH, LEAVE_PATH, MAX_MESSAGE_BYTES, STREAM_PATH } from '../../protocol/message.ts';
import { type Problem, problem, problemDocument } from '../../protocol/problem.ts';
import type { Clock } from '../clock.ts';
import { closeServer } from '../https-server.ts';
import type { Logger } from '../log.ts';
import { removeConnector } from '../model/change-connector.ts';
import { connectorOfIdentity } from '../model/snapshot.ts';
import type { Connector, Milliseconds } from '../model/types.ts';
import { type Authority, identityFingerprintOf, type ServerIdentity } from '../pki/authority.ts';
import type { Store } from '../store/store.ts';
import type { Hub } from './hub.ts';
import type { JoinDoor } from './join.ts';
import { CLOSE_CODES } from './session.ts';
import { keepAlive, transportOf } from './web-socket.ts';

const MAX_BODY_BYTES = 64 * 1024;

/** Who may not speak has this long to hear why. */
const STRANGER_GRACE: Milliseconds = 2000;

export type AgentsListenerOptions = {
  readonly store: Pick<Store, 'snapshot' | 'change'>;
  readonly hub: Pick<Hub, 'open'>;
  readonly door: Pick<JoinDoor, 'join'>;
  readonly authority: Pick<Authority, 'hasIssued' | 'certificatePem'>;
  readonly logger: Logger;
  readonly clock: Clock;
};

export class AgentsListener {
  /** Not listening yet; the caller binds and closes it. */
  readonly server: Server;
  readonly #options: AgentsListenerOptions;
  readonly #streams = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false, // costs memory for every agent; the messages are small
  });

  constructor(options: AgentsListenerOptions, identity: ServerIdentity) {
    this.#options = options;
    this.server = createServer(
      { ...this.#tls(identity), requestTimeout: 10_000, headersTimeout: 10_000 },
      (request, response) => void this.#answer(request, response),
    );
    this.server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** Call after the hub has said goodbye: a stream that does not hang up is cut. */
  async close(grace: Milliseconds): Promise<void> {
    const cut = () => {
      for (const stream of this.#streams.clients) stream.terminate();
    };
    await closeServer(this.server, { clock: this.#options.clock, grace, cut });
  }

  /** Streams that are open stay; what connects from here on sees the other certificate. */
  present(identity: ServerIdentity): void {
    this.server.setSecureContext(this.#tls(identity));
  }

  #tls({ certificatePem, keyPem }: ServerIdentity) {
    const { authority } = this.#options;
    return {
      key: keyPem.reveal(),
      // With the authority: a machine that joins knows only its fingerprint.
      cert: certificatePem + authority.certificatePem,
      ca: authority.certificatePem,
      requestCert: true,
      rejectUnauthorized: false, // joining needs none; #caller() checks the rest
      minVersion: 'TLSv1.3',
      // What is sent today is not readable by a quantum computer later; no other group is spoken.
      ecdhCurve: 'X25519MLKEM768',
    } as const;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const path = pathOf(request);
      if (path !== JOIN_PATH && path !== LEAVE_PATH) {
        refuse(response, problem('not-found', `there is no "${path}" for agents`));
      } else if (request.method !== 'POST') {
        response.setHeader('allow', 'POST');
        refuse(response, problem('method-not-allowed', `"${path}" expects POST`));
      } else if (path === JOIN_PATH) {
        await this.#join(request, response);
      } else {
        await this.#leave(request, response);
      }
    } catch (error) {
      if (request.errored !== null) return; // it hung up while it was speaking
      this.#options.logger.error({ err: error }, 'cannot answer an agent');
      refuse(response, problem('internal', 'the control plane failed; its log says why'));
    }
  }

  async #join(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readJson(request);
    if (body.kind === 'refuse') {
      refuse(response, body.problem);
      return;
    }
    const outcome = await this.#options.door.join(body.value, remoteAddressOf(request));
    if (outcome.kind === 'refuse') refuse(response, outcome.problem);
    else answerJson(response, 200, outcome.answer);
  }

  /** Idempotent: an agent that did not hear the answer asks again. */
  async #leave(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const caller = this.#caller(request);
    if (caller.kind === 'refuse') {
      refuse(response, caller.problem);
      return;
    }
    const { store, clock, logger } = this.#options;
    const { id, name } = caller.connector;
    const outcome = await store.change((snapshot) =>
      removeConnector(snapshot, { connector: id }, { now: clock.now() }),
    );
    if (outcome.kind === 'done') logger.info({ connector: name }, 'connector left');
    response.writeHead(204).end();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    if (pathOf(request) !== STREAM_PATH) {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    this.#streams.handleUpgrade(request, socket, head, (stream) => this.#open(stream, request));
  }

  #open(stream: WebSocket, request: IncomingMessage): void {
    const { hub, clock, logger } = this.#options;
    const remoteAddress = remoteAddressOf(request);
    stream.on('error', (err) => logger.warn({ address: remoteAddress, err }, 'stream broken'));
    const caller = this.#caller(request);
    if (caller.kind === 'refuse') {
      const { detail } = caller.problem;
      logger.warn({ address: remoteAddress }, `stream refused: ${detail}`);
      stream.close(CLOSE_CODES.unknown, detail);
      clock.after(STRANGER_GRACE, () => stream.terminate());
      return;
    }
    const { id: connectorId, name } = caller.connector;
    const transport = transportOf(stream, () =>
      logger.warn({ connector: name }, 'stream cut: the agent reads too slowly'),
    );
    const session = hub.open({ connectorId, remoteAddress, transport });
    stream.on('message', (data) => session.receive(data.toString()));
    stream.on('close', () => session.closed());
    keepAlive(stream, { clock, alive: () => session.alive() });
  }

  /** Who holds the other end of the TLS connection; may be a connector that was removed. */
  #caller(request: IncomingMessage): Caller {
    const socket = request.socket as TLSSocket; // the server speaks nothing else
    const certificate = socket.getPeerX509Certificate();
    const { authority, store, logger, clock } = this.#options;
    if (certificate === undefined || !authority.hasIssued(certificate)) {
      const fault = certificate === undefined ? 'there is no' : 'another authority signed the';
      return stranger(`${fault} client certificate; expected the one that joining gave`);
    }
    const fingerprint = identityFingerprintOf(certificate);
    const connector = connectorOfIdentity(store.snapshot(), fingerprint);
    if (connector === undefined) return stranger('no connector has this identity');
    if (certificate.validToDate.getTime() < clock.now()) {
      logger.warn({ connector: connector.name }, 'agent came with a certificate that has run out');
    }
    return { kind: 'connector', connector };
  }
}

type Caller =
  | { readonly kind: 'connector'; readonly connector: Connector }
  | { readonly kind: 'refuse'; readonly problem: Problem };

function stranger(detail: string): Caller {
  return { kind: 'refuse', problem: problem('connector-unknown', detail) };
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

function remoteAddressOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? 'unknown'; // undefined once the socket is closed
}

type Body =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'refuse'; readonly problem: Problem };

async function readJson(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = chunk as Buffer; // no encoding is set on the stream
    length += bytes.length;
    if (length > MAX_BODY_BYTES) {
      const detail = `the body is too large; expected at most ${MAX_BODY_BYTES} bytes`;
      return { kind: 'refuse', problem: problem('too-large', detail) };
    }
    chunks.push(bytes);
  }
  try {
    return { kind: 'json', value: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
  } catch {
    return { kind: 'refuse', problem: problem('malformed-json', 'the body is not JSON') };
  }
}

function refuse(response: ServerResponse, reason: Problem): void {
  if (response.headersSent) return;
  const document = problemDocument(reason);
  // What is left of the request is not read: the connection cannot be used again.
  response.setHeader('connection', 'close');
  response.writeHead(document.status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify(document));
}

function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
