/**
 * Decides what a configuration message means for an agent that holds one already. Pure.
 *
 * The control plane may be slow, wrong or restored from an old backup; the agent keeps what
 * it holds until something better is whole, in sequence and what its digest promises.
 *
 * @module
 */
import { applyDelta, type Configuration, receiveConfiguration } from '../protocol/configuration.ts';
import type { ControlPlaneMessage } from '../protocol/message.ts';
import { type Parsed, refuse } from '../protocol/parsed.ts';

export type ConfigurationMessage = Extract<
  ControlPlaneMessage,
  { type: 'configuration' | 'delta' | 'current' }
>;

export type Verdict =
  | { readonly kind: 'accept'; readonly configuration: Configuration }
  /** The message is no use, but a whole configuration would be. */
  | { readonly kind: 'ask-whole'; readonly reason: string }
  /** What the agent holds stands, and somebody should look. */
  | { readonly kind: 'hold'; readonly reason: string };

export function judge(held: Configuration | undefined, message: ConfigurationMessage): Verdict {
  const { epoch, revision } = message.type === 'current' ? message.version : message;
  const reason = held === undefined ? undefined : whyNotAfter(held, epoch, revision);
  if (reason !== undefined) return { kind: 'hold', reason };
  const received = receive(held, message);
  return received.ok
    ? { kind: 'accept', configuration: received.value }
    : message.type === 'configuration'
      ? { kind: 'hold', reason: received.message } // the whole one again would be no better
      : { kind: 'ask-whole', reason: received.message };
}

function whyNotAfter(held: Configuration, epoch: string, revision: number): string | undefined {
  if (epoch !== held.epoch) {
    return (
      `the control plane is in epoch "${epoch}" and this agent holds one of "${held.epoch}"; ` +
      'if it was set up again on purpose, run "culvert agent leave" and join again'
    );
  }
  if (revision < held.revision) {
    return `the control plane went back from revision ${held.revision} to ${revision}`;
  }
  return undefined;
}

function receive(
  held: Configuration | undefined,
  message: ConfigurationMessage,
): Parsed<Configuration> {
  if (message.type === 'configuration') return receiveConfiguration(message, message.entries);
  if (held === undefined) return refuse('nothing is held that it could start from');
  if (message.type === 'delta') return applyDelta(held, message);
  const { digest, revision } = message.version;
  if (digest !== held.digest) return refuse('what is held has another digest');
  return { ok: true, value: { ...held, revision } };
}
