/**
 * The agent's status as Prometheus reads it: the text format 0.0.4, base units, one table of
 * every metric. Pure; docs/agent.md lists the same metrics.
 *
 * @module
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import type { AgentStatus } from './status.ts';

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Of the running agent, since it started. */
export type ReconcileCounters = {
  readonly passes: number;
  /** Passes that could not read the kernel, or in which an operation failed. */
  readonly failures: number;
  readonly seconds: number;
};

export type MetricsInput = {
  readonly status: AgentStatus;
  readonly reconcile: ReconcileCounters;
  /** Unix seconds. */
  readonly certificateExpirySeconds: number;
};

type Labels = Readonly<Record<string, string>>;
type Sample = { readonly labels?: Labels; readonly value: number };

export type Metric = {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly string[];
  readonly samples: (input: MetricsInput) => readonly Sample[];
};

export const METRICS: readonly Metric[] = [
  {
    name: 'culvert_agent_info',
    type: 'gauge',
    help: 'Which connector this is; always 1',
    labels: ['version', 'network', 'site', 'connector', 'wireguard'],
    samples: ({ status: { version, network, site, connector, wireGuard } }) => [
      { labels: { version, network, site, connector, wireguard: wireGuard ?? '' }, value: 1 },
    ],
  },
  {
    name: 'culvert_agent_control_plane_connected',
    type: 'gauge',
    help: 'Whether the control plane is connected',
    labels: [],
    samples: ({ status }) => one(status.controlPlane.isConnected),
  },
  {
    name: 'culvert_agent_control_plane_state_seconds',
    type: 'gauge',
    help: 'How long it has been connected, or away',
    labels: [],
    samples: ({ status }) => one(status.controlPlane.sinceSeconds),
  },
  {
    name: 'culvert_agent_certificate_expiry_timestamp_seconds',
    type: 'gauge',
    help: 'When the certificate of this connector ends, Unix time',
    labels: [],
    samples: ({ certificateExpirySeconds }) => one(certificateExpirySeconds),
  },
  {
    name: 'culvert_agent_configuration_revision',
    type: 'gauge',
    help: 'Revision of the configuration in force; absent before the first',
    labels: [],
    samples: ({ status: { configuration } }) =>
      configuration === null ? [] : one(configuration.revision),
  },
  {
    name: 'culvert_agent_configuration_applied',
    type: 'gauge',
    help: 'Whether the kernel holds all of it',
    labels: [],
    samples: ({ status }) => one(status.isApplied),
  },
  {
    name: 'culvert_agent_configuration_refused',
    type: 'gauge',
    help: 'Whether the last configuration that came was refused',
    labels: [],
    samples: ({ status }) => one(status.refused !== null),
  },
  {
    name: 'culvert_agent_pending_operations',
    type: 'gauge',
    help: 'What is not applied: failed, held by the local guard, or not done yet',
    labels: [],
    samples: ({ status }) => one(status.pending.length),
  },
  {
    name: 'culvert_agent_reconcile_passes_total',
    type: 'counter',
    help: 'Passes of the reconcile loop',
    labels: [],
    samples: ({ reconcile }) => one(reconcile.passes),
  },
  {
    name: 'culvert_agent_reconcile_failures_total',
    type: 'counter',
    help: 'Passes in which the kernel could not be read or an operation failed',
    labels: [],
    samples: ({ reconcile }) => one(reconcile.failures),
  },
  {
    name: 'culvert_agent_reconcile_seconds_total',
    type: 'counter',
    help: 'Time spent in passes',
    labels: [],
    samples: ({ reconcile }) => one(reconcile.seconds),
  },
  {
    name: 'culvert_agent_routes',
    type: 'gauge',
    help: 'Routes into the tunnel that the kernel holds',
    labels: ['interface'],
    samples: ({ status: { interfaces, routes } }) =>
      interfaces.map(({ name }) => ({
        labels: { interface: name },
        value: routes.filter(({ link }) => link === name).length,
      })),
  },
  {
    name: 'culvert_agent_peer_up',
    type: 'gauge',
    help: 'Whether a session with the peer is in use',
    labels: ['network', 'peer'],
    samples: (input) => eachPeer(input, (peer) => Number(peer.state === 'up')),
  },
  {
    name: 'culvert_agent_peer_handshake_age_seconds',
    type: 'gauge',
    help: 'Since the last handshake; absent when there was none',
    labels: ['network', 'peer'],
    samples: (input) => eachPeer(input, (peer) => peer.handshakeAgeSeconds),
  },
  {
    name: 'culvert_agent_peer_received_bytes_total',
    type: 'counter',
    help: 'Received from the peer, with WireGuard’s own overhead',
    labels: ['network', 'peer'],
    samples: (input) => eachPeer(input, (peer) => peer.receivedBytes),
  },
  {
    name: 'culvert_agent_peer_sent_bytes_total',
    type: 'counter',
    help: 'Sent to the peer, with WireGuard’s own overhead',
    labels: ['network', 'peer'],
    samples: (input) => eachPeer(input, (peer) => peer.sentBytes),
  },
];

/** Every metric with HELP and TYPE, also those that have no sample at the moment. */
export function formatMetrics(input: MetricsInput): string {
  return METRICS.map((metric) => {
    const { name, type, help } = metric;
    const samples = metric.samples(input).map((sample) => `${name}${formatSample(sample)}\n`);
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.join('')}`;
  }).join('');
}

function one(value: number | boolean): Sample[] {
  return [{ value: Number(value) }];
}

function eachPeer(
  { status: { network, peers } }: MetricsInput,
  read: (peer: AgentStatus['peers'][number]) => number | null,
): Sample[] {
  return peers.flatMap((peer) => {
    const value = read(peer);
    return value === null ? [] : [{ labels: { network, peer: peer.name }, value }];
  });
}

function formatSample({ labels = {}, value }: Sample): string {
  const pairs = Object.entries(labels).map(([name, text]) => `${name}="${escapeLabel(text)}"`);
  return `${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}
