import { describe, expect, test } from 'vitest';
import { formatMetrics, METRICS, type MetricsInput } from '../../../agent/metrics.ts';
import type { AgentStatus, PeerStatus } from '../../../agent/status.ts';
import { readExposition } from '../../fakes/prometheus.ts';
import { BRANCH_KEY, PLANT_KEY } from './world.ts';

const BRANCH: PeerStatus = {
  name: 'branch/branch-gw',
  publicKey: BRANCH_KEY,
  endpoint: '198.51.100.2:51820',
  allowedIps: ['10.2.0.0/16'],
  state: 'up',
  handshakeAgeSeconds: 12,
  receivedBytes: 1536,
  sentBytes: 512,
};

const STATUS: AgentStatus = {
  version: '0.1.0',
  connector: 'hq-gw',
  site: 'hq',
  network: 'acme',
  controlPlane: { isConnected: false, sinceSeconds: 130, reason: 'ECONNREFUSED', urls: [] },
  configuration: { epoch: 'e1', revision: 7 },
  refused: null,
  isApplied: false,
  pending: [{ operation: 'route 10.9.0.0/16 of site branch', reason: 'it overlaps' }],
  wireGuard: 'kernel',
  interfaces: [{ name: 'culvert0', listenPort: 51820 }],
  peers: [
    BRANCH,
    {
      ...BRANCH,
      name: 'plant/gw',
      publicKey: PLANT_KEY,
      state: 'never',
      handshakeAgeSeconds: null,
    },
  ],
  routes: [{ prefix: '10.2.0.0/16', link: 'culvert0' }],
};

const INPUT: MetricsInput = {
  status: STATUS,
  reconcile: { passes: 3, failures: 1, seconds: 0.25 },
  certificateExpirySeconds: 1_800_000_000,
};

const samplesOf = (name: string, input = INPUT) =>
  readExposition(formatMetrics(input))
    .samples.filter((sample) => sample.name === name)
    .map(({ labels, value }) => ({ labels, value }));

describe('formatMetrics()', () => {
  test('can be read by a strict reader, every family of the table with its labels', () => {
    const { families, samples } = readExposition(formatMetrics(INPUT));

    expect([...families.keys()]).toEqual(METRICS.map(({ name }) => name));
    for (const { name, labels } of METRICS) {
      const own = samples.filter((sample) => sample.name === name);
      expect(own.length, name).toBeGreaterThan(0);
      for (const sample of own) expect(Object.keys(sample.labels), name).toEqual(labels);
    }
  });

  test('says what is so', () => {
    expect(samplesOf('culvert_agent_control_plane_connected')).toEqual([{ labels: {}, value: 0 }]);
    expect(samplesOf('culvert_agent_configuration_revision')).toEqual([{ labels: {}, value: 7 }]);
    expect(samplesOf('culvert_agent_configuration_applied')).toEqual([{ labels: {}, value: 0 }]);
    expect(samplesOf('culvert_agent_pending_operations')).toEqual([{ labels: {}, value: 1 }]);
    expect(samplesOf('culvert_agent_reconcile_seconds_total')).toEqual([
      { labels: {}, value: 0.25 },
    ]);
    expect(samplesOf('culvert_agent_routes')).toEqual([
      { labels: { interface: 'culvert0' }, value: 1 },
    ]);
    expect(samplesOf('culvert_agent_peer_received_bytes_total')).toEqual([
      { labels: { network: 'acme', peer: 'branch/branch-gw' }, value: 1536 },
      { labels: { network: 'acme', peer: 'plant/gw' }, value: 1536 },
    ]);
  });

  test('leaves out what is not known: a peer without handshake, no configuration yet', () => {
    expect(samplesOf('culvert_agent_peer_handshake_age_seconds')).toEqual([
      { labels: { network: 'acme', peer: 'branch/branch-gw' }, value: 12 },
    ]);
    const early = { ...INPUT, status: { ...STATUS, configuration: null } };
    expect(samplesOf('culvert_agent_configuration_revision', early)).toEqual([]);
  });

  test('escapes what a label may hold', () => {
    const odd = 'a"b\\c\nd';
    const input = { ...INPUT, status: { ...STATUS, peers: [{ ...BRANCH, name: odd }] } };
    expect(samplesOf('culvert_agent_peer_up', input)[0]?.labels.peer).toBe(odd);
  });
});

describe('readExposition(), which the other tests trust, refuses', () => {
  const head = '# HELP a_total b\n# TYPE a_total counter\n';
  test.each([
    ['an unfinished line', `${head}a_total 1`],
    ['a sample without TYPE', 'a 1\n'],
    ['TYPE without HELP', '# TYPE a gauge\na 1\n'],
    ['a counter without _total', '# HELP a b\n# TYPE a counter\na 1\n'],
    ['a gauge with _total', '# HELP a_total b\n# TYPE a_total gauge\na_total 1\n'],
    ['milliseconds', '# HELP a_milliseconds b\n# TYPE a_milliseconds gauge\na_milliseconds 1\n'],
    ['a family twice', `${head}${head}`],
    ['a sample twice', `${head}a_total{x="1"} 1\na_total{x="1"} 2\n`],
    ['a label twice', `${head}a_total{x="1",x="2"} 1\n`],
    ['a bare quote', `${head}a_total{x="a"b"} 1\n`],
    ['no number', `${head}a_total null\n`],
  ])('%s', (_, text) => {
    expect(() => readExposition(text)).toThrow();
  });
});
