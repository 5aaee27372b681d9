/**
 * An agent's side of the agents' listener over real TLS, written from the protocol alone.
 *
 * @module
 */
import type { IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { WebSocket } from 'ws';
import { STREAM_PATH } from '../../protocol/message.ts';
import { FakeTransport } from './transport.ts';

export type TlsAnswer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** As parsed and not checked: what an answer holds is what the test is about. */
  readonly body: ReturnType<typeof JSON.parse>;
};

/** @throws {Error} when TLS or the connection fails */
export function ask(
  port: number,
  route: string,
  { body, ...options }: RequestOptions & { readonly body?: unknown },
): Promise<TlsAnswer> {
  const [method, path] = route.split(' ');
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        agent: false,
        signal: AbortSignal.timeout(5000),
        ...options,
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const text = Buffer.concat(parts).toString();
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, body: text === '' ? undefined : JSON.parse(text) });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(typeof body === 'string' || body === undefined ? body : JSON.stringify(body));
  });
}

/** A stream; what comes goes to `transport`. */
export class TlsStream {
  readonly transport = new FakeTransport();
  readonly socket: WebSocket;

  constructor(port: number, options: RequestOptions, path = STREAM_PATH) {
    this.socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, {
      ...(options as object), // ws types leave the TLS options out of some places
      perMessageDeflate: false,
    });
    this.socket.on('message', (data) => this.transport.send(String(data)));
    this.socket.on('close', (code, reason) => this.transport.close(code, reason.toString()));
    this.socket.on('error', () => {}); // a refused handshake closes as well
  }

  async hello(fields: object = {}): Promise<void> {
    await new Promise((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
    });
    this.say({ type: 'hello', protocolVersion: 1, agentVersion: '0.1.0', ...fields });
  }

  say(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  /** Waits for the next message, or for the end of the stream; at most five seconds. */
  async next() {
    for (let attempt = 0; attempt < 500; attempt += 1) {
      const [message] = this.transport.take();
      if (message !== undefined) return message;
      if (this.transport.closed !== undefined) return this.transport.closed;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error('nothing came in 5 s');
  }
}
