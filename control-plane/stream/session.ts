/**
 * One agent's stream: what it may say in which order, and what it has been sent. Sans-IO: the
 * transport carries texts, the clock is passed in, and the hub answers what the session asks.
 *
 * @module
 */
import type { Version } from '../../protocol/configuration.ts';
import {
  type AgentMessage,
  type ControlPlaneMessage,
  PROTOCOL_VERSION,
  parseAgentMessage,
  type Report,
} from '../../protocol/message.ts';
import type { Parsed } from '../../protocol/parsed.ts';
import type { Clock } from '../clock.ts';
import { type CompiledNetwork, configurationFor } from '../model/compile.ts';
import { digestFor, type NetworkChange } from './network-change.ts';

/** Carries texts to one agent and back, in order. */
export type Transport = {
  send(text: string): void;
  /** @param reason for the agent's log; at most 123 bytes (RFC 6455 §5.5) */
  close(code: number, reason: string): void;
};

/** Why a stream was closed; private use codes of RFC 6455 §7.4.2 after HTTP's statuses. */
export const CLOSE_CODES = {
  /** The agent broke the protocol; the reason says how. */
  protocol: 4400,
  /** Nobody knows the identity. The agent keeps what it has: a backup may have been restored. */
  unknown: 4403,
  /** No hello came in time. */
  timeout: 4408,
  /** Another stream of the same connector took over. */
  replaced: 4409,
  /** The connector was removed; `removed` was sent before. */
  removed: 4410,
  /** The protocol version is not spoken here. */
  version: 4426,
  /** The control plane failed; try again. */
  failed: 1011,
  /** The control plane stops; try again. */
  stopping: 1001,
} as const;

export type CloseCause = keyof typeof CLOSE_CODES;

export const HELLO_TIMEOUT_MILLISECONDS = 10_000;

/** What a session asks of the hub. */
export type SessionHost = {
  /** The connector's network; undefined when nothing of it may be sent. */
  readonly compile: () => CompiledNetwork | undefined;
  readonly reported: (report: Report) => void;
  /** The agent gave a sign of life. */
  readonly seen: () => void;
  readonly renew: (
    certificateRequestPem: string,
  ) => Promise<Parsed<{ readonly certificate: string; readonly authority: string }>>;
  /** Called once, when the session can no longer send. */
  readonly ended: (cause: CloseCause | 'left') => void;
};

export class Session {
  readonly connectorId: string;
  readonly remoteAddress: string;
  readonly #transport: Transport;
  readonly #host: SessionHost;
  readonly #cancelTimeout: () => void;
  #state: 'awaiting-hello' | 'greeted' | 'ended' = 'awaiting-hello';
  /** What the agent has, if everything sent arrives; a delta starts here. */
  #sent: { readonly compiled: CompiledNetwork; readonly version: Version } | undefined;
  #isRenewing = false;

  constructor({
    connectorId,
    remoteAddress,
    transport,
    host,
    clock,
  }: {
    readonly connectorId: string;
    readonly remoteAddress: string;
    readonly transport: Transport;
    readonly host: SessionHost;
    readonly clock: Clock;
  }) {
    this.connectorId = connectorId;
    this.remoteAddress = remoteAddress;
    this.#transport = transport;
    this.#host = host;
    this.#cancelTimeout = clock.after(HELLO_TIMEOUT_MILLISECONDS, () =>
      this.end('timeout', 'no hello came in time'),
    );
  }

  /** Takes one message of the agent. */
  receive(text: string): void {
    if (this.#state === 'ended') return;
    this.#host.seen();
    const message = parseAgentMessage(text);
    if (!message.ok) {
      this.end('protocol', message.message);
    } else if ((this.#state === 'awaiting-hello') !== (message.value.type === 'hello')) {
      const fault = this.#state === 'greeted' ? 'a second hello' : 'the first message is not hello';
      this.end('protocol', fault);
    } else {
      this.#take(message.value);
    }
  }

  /** The transport heard something that is no message (a pong). */
  alive(): void {
    if (this.#state !== 'ended') this.#host.seen();
  }

  /** The transport is gone; whoever closed it. */
  closed(): void {
    this.#finish('left');
  }

  /** True once the agent said hello, for as long as the stream lasts. */
  get isGreeted(): boolean {
    return this.#state === 'greeted';
  }

  /**
   * Brings the agent to its part of the network, by what differs from what it was sent last.
   *
   * @param changeSince finds what differs from an earlier compilation
   */
  offer(compiled: CompiledNetwork, changeSince: (earlier: CompiledNetwork) => NetworkChange): void {
    if (!this.isGreeted) return; // its hello will be answered with this or a later one
    if (this.#sent === undefined || this.#sent.version.epoch !== compiled.epoch) {
      this.#sendWhole(compiled);
      return;
    }
    const { version: base, compiled: earlier } = this.#sent;
    const delta = changeSince(earlier).deltaFor(this.connectorId);
    const version = delta === undefined ? base : versionFor(compiled, this.connectorId);
    this.#sent = { compiled, version };
    if (delta === undefined) return;
    this.#send({
      type: 'delta',
      ...version,
      base: { revision: base.revision, digest: base.digest },
      put: [...delta.put],
      remove: [...delta.remove],
    });
  }

  /** Tells the agent that an operator removed its connector: it puts its host back. */
  remove(): void {
    if (this.#state === 'ended') return;
    this.#send({ type: 'removed' });
    this.end('removed', 'the connector was removed');
  }

  end(cause: CloseCause, reason: string): void {
    if (this.#state === 'ended') return;
    this.#finish(cause);
    this.#transport.close(CLOSE_CODES[cause], closeReason(reason));
  }

  #finish(cause: CloseCause | 'left'): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#sent = undefined;
    this.#cancelTimeout();
    this.#host.ended(cause);
  }

  #take(message: AgentMessage): void {
    switch (message.type) {
      case 'hello':
        this.#greet(message.protocolVersion, message.held);
        return;
      case 'report':
        this.#host.reported(message);
        return;
      case 'resend': {
        const compiled = this.#host.compile();
        if (compiled !== undefined) this.#sendWhole(compiled);
        return;
      }
      case 'renew':
        void this.#renew(message.certificateRequest);
        return;
    }
  }

  #greet(protocolVersion: number, held: Version | undefined): void {
    if (protocolVersion !== PROTOCOL_VERSION) {
      const fault = `protocol version ${protocolVersion} is not spoken here`;
      this.end('version', `${fault}; expected ${PROTOCOL_VERSION}: install a fitting agent`);
      return;
    }
    this.#cancelTimeout();
    this.#state = 'greeted';
    const compiled = this.#host.compile();
    if (compiled === undefined) return;
    const version = versionFor(compiled, this.connectorId);
    if (held?.epoch === version.epoch && held.digest === version.digest) {
      this.#sent = { compiled, version };
      this.#send({ type: 'current', version });
    } else {
      this.#sendWhole(compiled);
    }
  }

  async #renew(certificateRequest: string): Promise<void> {
    if (this.#isRenewing) return; // its answer is under way
    this.#isRenewing = true;
    const renewed = await this.#host.renew(certificateRequest);
    this.#isRenewing = false;
    if (renewed.ok) this.#send({ type: 'certificate', ...renewed.value });
    else this.end('protocol', renewed.message);
  }

  #sendWhole(compiled: CompiledNetwork): void {
    const { entries, ...version } = configurationFor(compiled, this.connectorId);
    this.#sent = { compiled, version };
    this.#send({ type: 'configuration', ...version, entries: [...entries.values()] });
  }

  #send(message: ControlPlaneMessage): void {
    if (this.#state !== 'ended') this.#transport.send(JSON.stringify(message));
  }
}

function versionFor(compiled: CompiledNetwork, connectorId: string): Version {
  const { epoch, revision } = compiled;
  return { epoch, revision, digest: digestFor(compiled, connectorId) };
}

/** A close frame has room for 123 bytes (RFC 6455 §5.5). */
function closeReason(text: string): string {
  return text.replace(/[^ -~]/g, '?').slice(0, 123);
}
