import { describe, expect, test } from 'vitest';
import { nameFromHost } from '../../../agent/commands.ts';
import type { AgentStatus } from '../../../agent/status.ts';
import { formatBytes, formatSeconds, formatStatus } from '../../../agent/status-text.ts';
import { BRANCH_KEY } from './world.ts';

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
    {
      name: 'branch/branch-gw',
      publicKey: BRANCH_KEY,
      endpoint: '198.51.100.2:51820',
      allowedIps: ['10.2.0.0/16'],
      state: 'up',
      handshakeAgeSeconds: 12,
      receivedBytes: 1536,
      sentBytes: 512,
    },
  ],
  routes: [{ prefix: '10.2.0.0/16', link: 'culvert0' }],
};

describe('formatStatus()', () => {
  test('says what is so, what is wrong and why, then the peers', () => {
    expect(formatStatus(STATUS).split('\n')).toEqual([
      'connector      hq-gw, site hq, network acme',
      'control plane  away for 2 min (ECONNREFUSED); forwarding as configured last',
      'configuration  revision 7, not applied',
      'pending        route 10.9.0.0/16 of site branch: it overlaps',
      'interface      culvert0, UDP port 51820 (kernel WireGuard)',
      'peers',
      '  branch/branch-gw  up  198.51.100.2:51820  handshake 12 s ago  1.5 KiB in, 512 B out' +
        '  10.2.0.0/16',
    ]);
  });
});

describe('formatSeconds(), formatBytes()', () => {
  test.each([
    [59, '59 s'],
    [60, '1 min'],
    [7_300, '2 h'],
    [200_000, '2 d'],
  ])('says %i s as %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  test.each([
    [0, '0 B'],
    [1024, '1.0 KiB'],
    [5 * 1024 ** 3, '5.0 GiB'],
  ])('says %i bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('nameFromHost()', () => {
  test.each([
    ['HQ-gw.example.com', 'hq-gw'],
    ['branch_gw', 'branch-gw'],
    ['-odd-', 'odd'],
  ])('makes %s a name', (host, name) => {
    expect(nameFromHost(host)).toBe(name);
  });
});
