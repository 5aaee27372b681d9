/**
 * Remembers where peers were heard from. WireGuard keeps that in the device, so a device that
 * is made again knows only what the configuration says, and that is nothing for a peer behind
 * NAT, and another port than the one its NAT chose. Pure; in memory only, because an agent
 * that starts reads it from the device again.
 *
 * @module
 */
import type { Endpoint } from '../protocol/endpoint.ts';
import type { PublicKey } from '../protocol/keys.ts';
import { REJECT_AFTER_SECONDS } from './plan-peers.ts';
import type { Observed } from './state.ts';

export type LearntEndpoint = {
  readonly endpoint: Endpoint;
  /** When the session it was learnt from ends, milliseconds since 1970. */
  readonly untilMilliseconds: number;
};

export type LearntEndpoints = ReadonlyMap<PublicKey, LearntEndpoint>;

/**
 * What is known after a look at the kernel: the endpoints of sessions that live, and those of
 * before whose session would still live had its device not gone. One that is not confirmed
 * until then is forgotten, and the configuration's endpoint has its turn.
 */
export function learnEndpoints(
  known: LearntEndpoints,
  observed: Observed,
  nowMilliseconds: number,
): LearntEndpoints {
  const living = observed.devices
    .flatMap((device) => device.peers)
    .flatMap(({ publicKey, endpoint, handshakeAgeSeconds: age }) => {
      if (endpoint === undefined || age === undefined) return [];
      const untilMilliseconds = nowMilliseconds + (REJECT_AFTER_SECONDS - age) * 1000;
      return [[publicKey, { endpoint, untilMilliseconds }] as const];
    });
  return new Map(
    [...known, ...living].filter(
      ([, { untilMilliseconds }]) => untilMilliseconds > nowMilliseconds,
    ),
  );
}
