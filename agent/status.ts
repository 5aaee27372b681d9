/**
 * What the agent knows of itself, as one value: `culvert agent status` prints it. Pure.
 *
 * @module
 */
import type { Configuration } from '../protocol/configuration.ts';
import type { PublicKey } from '../protocol/keys.ts';
import type { Report } from '../protocol/message.ts';
import type { ChannelState } from './channel.ts';
import { explain, type NameOf } from './explain.ts';
import type { Membership } from './identity.ts';
import { isOurs } from './plan.ts';
import { REJECT_AFTER_SECONDS } from './plan-peers.ts';
import type { Outcome } from './reconcile.ts';
import { type Observed, ROUTE_PROTOCOL } from './state.ts';

export type Pending = { readonly operation: string; readonly reason: string };

export type PeerStatus = {
  readonly name: string;
  readonly publicKey: PublicKey;
  readonly endpoint: string | null;
  readonly allowedIps: readonly string[];
  /** up: a session is in use; down: the last one has died; never: there was none yet. */
  readonly state: 'up' | 'down' | 'never';
  readonly handshakeAgeSeconds: number | null;
  readonly receivedBytes: number;
  readonly sentBytes: number;
};

export type AgentStatus = {
  readonly version: string;
  readonly connector: string;
  readonly site: string;
  readonly network: string;
  readonly controlPlane: {
    readonly isConnected: boolean;
    readonly sinceSeconds: number;
    readonly reason: string | null;
    readonly urls: readonly string[];
  };
  /** Null before the first one has been accepted. */
  readonly configuration: { readonly epoch: string; readonly revision: number } | null;
  /** Why the last message of the control plane was not taken; null when it was. */
  readonly refused: string | null;
  readonly isApplied: boolean;
  readonly pending: readonly Pending[];
  readonly wireGuard: 'kernel' | 'userspace' | null;
  readonly interfaces: readonly { readonly name: string; readonly listenPort: number }[];
  readonly peers: readonly PeerStatus[];
  readonly routes: readonly { readonly prefix: string; readonly link: string }[];
};

export type Knowledge = {
  readonly version: string;
  readonly membership: Membership;
  readonly channel: ChannelState;
  readonly configuration: Configuration | undefined;
  readonly refused: string | undefined;
  readonly outcome: Outcome | undefined;
  readonly nowMilliseconds: number;
};

export function statusOf(knowledge: Knowledge): AgentStatus {
  const { membership, channel, configuration, outcome, nowMilliseconds } = knowledge;
  const nameOf = peerNames(configuration);
  const observed = outcome?.observed;
  return {
    version: knowledge.version,
    connector: membership.connector,
    site: membership.site,
    network: membership.network,
    controlPlane: {
      isConnected: channel.isConnected,
      sinceSeconds: Math.max(0, Math.round((nowMilliseconds - channel.sinceMilliseconds) / 1000)),
      reason: channel.reason ?? null,
      urls: membership.urls,
    },
    configuration:
      configuration === undefined
        ? null
        : {
            epoch: configuration.epoch,
            revision: configuration.revision,
          },
    refused: knowledge.refused ?? null,
    isApplied: outcome?.isApplied ?? false,
    pending: outcome === undefined ? [] : pendingOf(outcome, nameOf),
    wireGuard: observed?.wireGuard ?? null,
    interfaces: observed?.devices.map(({ link, listenPort }) => ({ name: link, listenPort })) ?? [],
    peers: observed === undefined ? [] : peersOf(observed, nameOf),
    routes: observed === undefined ? [] : routesOf(observed),
  };
}

/** What is left and why: what failed, what is held, and what a next pass would do. */
export function pendingOf(outcome: Outcome, nameOf: NameOf): Pending[] {
  const failed = new Map(outcome.failures.map((f) => [explain(f.operation, nameOf), f.reason]));
  return [
    ...outcome.held,
    ...outcome.left.map((left) => {
      const operation = explain(left, nameOf);
      return { operation, reason: failed.get(operation) ?? 'not done yet' };
    }),
  ];
}

/**
 * Names peers as `site/connector`; a peer that is in no configuration by its key.
 *
 * @param configurations the one in force first; one before it still names who was removed
 */
export function peerNames(...configurations: readonly (Configuration | undefined)[]): NameOf {
  const names = new Map<PublicKey, string>();
  for (const configuration of configurations.toReversed()) {
    for (const entry of configuration?.entries.values() ?? []) {
      if (entry.kind === 'peer') names.set(entry.publicKey, `${entry.site}/${entry.connector}`);
    }
  }
  return (publicKey) => names.get(publicKey) ?? publicKey;
}

/**
 * The report to the control plane; lists are cut to what a message may hold.
 *
 * @param refused why the last configuration was not taken; undefined when it was
 */
export function reportOf(
  configuration: Configuration,
  outcome: Outcome,
  refused?: string | undefined,
): Report {
  const { epoch, revision, digest } = configuration;
  return {
    type: 'report',
    version: { epoch, revision, digest },
    isApplied: outcome.isApplied,
    pending: [
      ...(refused === undefined ? [] : [{ operation: 'take the configuration', reason: refused }]),
      ...pendingOf(outcome, peerNames(configuration)),
    ]
      .slice(0, 100)
      .map(({ operation, reason }) => ({
        operation: operation.slice(0, 500),
        reason: reason.slice(0, 1000),
      })),
    peers: outcome.observed.devices
      .flatMap((device) => device.peers)
      .slice(0, 10_000)
      .map(({ publicKey, endpoint, handshakeAgeSeconds, receivedBytes, sentBytes }) => ({
        publicKey,
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(handshakeAgeSeconds === undefined
          ? {}
          : { handshakeAgeSeconds: Math.max(0, handshakeAgeSeconds) }),
        receivedBytes,
        sentBytes,
      })),
  };
}

function peersOf(observed: Observed, nameOf: NameOf): PeerStatus[] {
  return observed.devices
    .flatMap((device) => device.peers)
    .map((peer) => ({
      name: nameOf(peer.publicKey),
      publicKey: peer.publicKey,
      endpoint: peer.endpoint ?? null,
      allowedIps: peer.allowedIps,
      state: stateOf(peer.handshakeAgeSeconds),
      handshakeAgeSeconds: peer.handshakeAgeSeconds ?? null,
      receivedBytes: peer.receivedBytes,
      sentBytes: peer.sentBytes,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function stateOf(handshakeAgeSeconds: number | undefined): PeerStatus['state'] {
  if (handshakeAgeSeconds === undefined) return 'never';
  return handshakeAgeSeconds < REJECT_AFTER_SECONDS ? 'up' : 'down';
}

function routesOf(observed: Observed): AgentStatus['routes'] {
  const ours = new Set(observed.links.filter(isOurs).map((link) => link.name));
  return observed.routes.flatMap(({ protocol, prefix, link }) =>
    protocol === ROUTE_PROTOCOL && link !== undefined && ours.has(link) ? [{ prefix, link }] : [],
  );
}
