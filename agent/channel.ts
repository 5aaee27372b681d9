/**
 * The stream to the control plane: one WebSocket over mutual TLS, kept up for as long as the
 * agent runs. Carries messages; what they mean is decided by whoever listens. The only door
 * to `ws` on this side.
 *
 * @module
 */
import { WebSocket } from 'ws';
import {
  type AgentMessage,
  type ControlPlaneMessage,
  MAX_MESSAGE_BYTES,
  parseControlPlaneMessage,
  STREAM_PATH,
} from '../protocol/message.ts';
import { type BackoffLimits, backoffMilliseconds } from './backoff.ts';
import type { Credentials } from './control-plane-client.ts';
import type { Logger } from './log.ts';

const RETRY: BackoffLimits = { firstMilliseconds: 500, lastMilliseconds: 30_000 };
const HANDSHAKE_TIMEOUT_MILLISECONDS = 10_000;

/** The control plane pings every 20 s; a stream that is silent for longer is dead. */
const SILENCE_MILLISECONDS = 65_000;

/** At most one line a minute about a control plane that stays away. */
const COMPLAINT_INTERVAL_MILLISECONDS = 60_000;

export type ChannelState = {
  /** From the first message on that could be read. */
  readonly isConnected: boolean;
  /** Milliseconds since 1970; when the present state began. */
  readonly sinceMilliseconds: number;
  /** Why it is not connected; undefined while it is, and before the first try has ended. */
  readonly reason?: string | undefined;
};

/** What the agent needs of a channel; a test may bring its own. */
export type Channel = {
  state(): ChannelState;
  /** Sends when connected; else the message is dropped: reports are repeated anyway. */
  send(message: AgentMessage): void;
  /** Connects (again) with fresh credentials. */
  reconnect(): void;
  stop(): void;
};

export type ChannelEvents = {
  /** The stream is open: say hello. */
  readonly onOpen: () => void;
  readonly onMessage: (message: ControlPlaneMessage) => void;
};

export type ChannelOptions = ChannelEvents & {
  /** Tried in turn. */
  readonly urls: readonly string[];
  /** Read at every connect: certificates are renewed. */
  readonly credentials: () => Credentials;
  readonly logger: Logger;
  readonly now: () => number;
  readonly random: () => number;
};

export class WebSocketChannel implements Channel {
  readonly #options: ChannelOptions;
  #socket: WebSocket | undefined;
  #state: ChannelState;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;
  #isStopped = false;
  #complainedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#state = { isConnected: false, sinceMilliseconds: options.now() };
    this.#connect();
  }

  state(): ChannelState {
    return this.#state;
  }

  send(message: AgentMessage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  reconnect(): void {
    this.#socket?.close(1000, 'reconnecting with fresh credentials');
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#socket?.terminate();
  }

  #connect(): void {
    const { urls, credentials } = this.#options;
    const url = urls[this.#failures % urls.length] ?? ''; // the join token holds at least one
    const { authority, certificate, key } = credentials();
    let lastError: string | undefined;
    const socket = new WebSocket(`${url.replace(/^https:/, 'wss:')}${STREAM_PATH}`, {
      ca: authority,
      cert: certificate,
      key,
      minVersion: 'TLSv1.3',
      maxPayload: MAX_MESSAGE_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
    });
    this.#socket = socket;
    // Not the option of ws, which does not see a server that accepts and never begins TLS.
    this.#silence = setTimeout(() => {
      lastError = `no answer within ${HANDSHAKE_TIMEOUT_MILLISECONDS / 1000} s`;
      socket.terminate();
    }, HANDSHAKE_TIMEOUT_MILLISECONDS);
    socket.on('open', () => this.#options.onOpen());
    for (const event of ['open', 'ping', 'message'] as const) {
      socket.on(event, () => this.#expectLife(socket));
    }
    socket.on('message', (data) => this.#receive(url, String(data)));
    socket.on('error', (error) => {
      lastError ??= error.message;
    });
    socket.on('close', (code, reason) => {
      clearTimeout(this.#silence);
      const said = reason.toString();
      this.#lost(url, said !== '' ? said : (lastError ?? `closed with code ${code}`));
    });
  }

  #expectLife(socket: WebSocket): void {
    clearTimeout(this.#silence);
    if (this.#isStopped) return;
    this.#silence = setTimeout(() => socket.terminate(), SILENCE_MILLISECONDS);
  }

  #receive(url: string, text: string): void {
    const message = parseControlPlaneMessage(text);
    if (message.ok) {
      // Only here: whoever opens the stream and says nothing of use is no control plane.
      if (!this.#state.isConnected) {
        this.#become({ isConnected: true });
        this.#options.logger.info({ url }, 'connected to the control plane');
      }
      this.#failures = 0;
      this.#complainedAt = Number.NEGATIVE_INFINITY;
      this.#options.onMessage(message.value);
    } else {
      this.#complain({ reason: message.message }, 'cannot use a message of the control plane');
    }
  }

  #lost(url: string, reason: string): void {
    if (this.#isStopped) return;
    this.#failures++;
    this.#become({ isConnected: false, reason });
    this.#complain({ url, reason }, 'no control plane; forwarding goes on as configured last');
    const delay = backoffMilliseconds(this.#failures, RETRY, this.#options.random());
    this.#timer = setTimeout(() => this.#connect(), delay);
  }

  #become(state: { readonly isConnected: boolean; readonly reason?: string }): void {
    const since = this.#state.sinceMilliseconds;
    const isSame = this.#state.isConnected === state.isConnected;
    this.#state = { ...state, sinceMilliseconds: isSame ? since : this.#options.now() };
  }

  #complain(fields: object, message: string): void {
    const now = this.#options.now();
    if (now - this.#complainedAt < COMPLAINT_INTERVAL_MILLISECONDS) return;
    this.#complainedAt = now;
    this.#options.logger.warn(fields, message);
  }
}
