/**
 * An agent's end of a stream in memory: keeps what it was sent and holds the configuration
 * that follows from it, by the protocol's own rules.
 *
 * @module
 */

import type { Transport } from '../../control-plane/stream/session.ts';
import { applyDelta, type Configuration, configurationOf } from '../../protocol/configuration.ts';
import { type ControlPlaneMessage, parseControlPlaneMessage } from '../../protocol/message.ts';
import { expectParsed } from '../../protocol/parsed.ts';

export class FakeTransport implements Transport {
  /** Everything since the last {@link take}. */
  #messages: ControlPlaneMessage[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  /** What an agent would hold. */
  configuration: Configuration | undefined;

  send(text: string): void {
    if (this.closed !== undefined) throw new RangeError('sent after close');
    const message = expectParsed(parseControlPlaneMessage(text));
    this.#messages.push(message);
    if (message.type === 'configuration') {
      this.configuration = configurationOf(message, message.entries);
      if (this.configuration.digest !== message.digest) throw new RangeError('bad digest');
    }
    if (message.type === 'delta') {
      if (this.configuration === undefined) throw new RangeError('a delta without a base');
      this.configuration = expectParsed(applyDelta(this.configuration, message));
    }
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }

  /** The messages that came since it was asked last. */
  take(): ControlPlaneMessage[] {
    const messages = this.#messages;
    this.#messages = [];
    return messages;
  }
}
