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
import { whyTooSmall } from './shrink-guard.ts';

export type ConfigurationMessage = Extract<
  ControlPlaneMessage,
  { type: 'configuration' | 'delta' | 'current' }
>;

export type Verdict =
  | { readonly kind: 'accept'; readonly configuration: Configuration }
  /** The message is no use, but a whole configuration would be. */
  | { readonly kind: 'ask-whole'; readonly reason: string }
  /** What the agent holds stands, and somebody should look. */
  | {
      readonly kind: 'hold';
      readonly reason: string;
      /** Whole and sound: a person at this host may say yes to it. */
      readonly offered?: Configuration;
    };

export function judge(held: Configuration | undefined, message: ConfigurationMessage): Verdict {
  const { epoch, revision } = message.type === 'current' ? message.version : message;
  if (epoch === held?.epoch && revision < held.revision) {
    const reason = `the control plane went back from revision ${held.revision} to ${revision}`;
    return { kind: 'hold', reason };
  }
  const received = receive(held, message);
  if (!received.ok) {
    return message.type === 'configuration'
      ? { kind: 'hold', reason: received.message } // the whole one again would be no better
      : { kind: 'ask-whole', reason: received.message };
  }
  const configuration = received.value;
  const doubt = held === undefined ? undefined : whyDoubted(held, configuration, message.type);
  return doubt === undefined
    ? { kind: 'accept', configuration }
    : { kind: 'hold', reason: doubt, offered: configuration };
}

function whyDoubted(
  held: Configuration,
  next: Configuration,
  type: ConfigurationMessage['type'],
): string | undefined {
  const remedy = `if that is meant, run on the gateway: culvert agent accept ${next.revision}`;
  if (next.epoch !== held.epoch) {
    return `revision ${next.revision} is of epoch "${next.epoch}", not "${held.epoch}"; ${remedy}`;
  }
  const loss = type === 'configuration' ? whyTooSmall(held, next) : undefined;
  return loss === undefined ? undefined : `revision ${next.revision}: ${loss}; ${remedy}`;
}

function receive(
  held: Configuration | undefined,
  message: ConfigurationMessage,
): Parsed<Configuration> {
  if (message.type === 'configuration') return receiveConfiguration(message, message.entries);
  if (held === undefined) return refuse('nothing is held that it could start from');
  if (message.type === 'delta') return applyDelta(held, message);
  const { digest, revision } = message.version;
  if (message.version.epoch !== held.epoch) return refuse('what is held is of another epoch');
  if (digest !== held.digest) return refuse('what is held has another digest');
  return { ok: true, value: { ...held, revision } };
}
