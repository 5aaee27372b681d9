import { describe, expect, test } from 'vitest';
import { connectorStatus } from '../../../control-plane/model/status.ts';
import type { Digest } from '../../../protocol/digest.ts';
import type { Report } from '../../../protocol/message.ts';

const WANTED = 'a'.repeat(64) as Digest;
const OLD = 'b'.repeat(64) as Digest;

function report(change: Partial<Report> = {}, digest = WANTED): Report {
  const version = { epoch: 'e', revision: 7, digest };
  return { type: 'report', version, isApplied: true, pending: [], peers: [], ...change };
}

describe('connectorStatus()', () => {
  const left = [
    { operation: 'replace route 10.1.0.0/16', reason: 'EPERM' },
    { operation: 'set peer', reason: 'x' },
  ];

  test.each([
    [false, report(), WANTED, 'inactive', 'the agent is not connected'],
    [true, undefined, WANTED, 'degraded', 'the agent has not reported yet'],
    [true, report({}, OLD), WANTED, 'degraded', 'the agent is at revision 7 and has not applied'],
    [true, report({ pending: left.slice(1) }, OLD), WANTED, 'degraded', 'current one; set peer: x'],
    [true, report({ isApplied: false }), WANTED, 'degraded', 'still applying revision 7'],
    [
      true,
      report({ pending: left, isApplied: false }),
      WANTED,
      'degraded',
      '16: EPERM (and 1 more)',
    ],
    [true, report({ pending: left.slice(1) }), WANTED, 'degraded', 'set peer: x'],
    [true, report(), undefined, 'degraded', 'violates an invariant'],
    [true, report(), WANTED, 'active', 'revision 7 is applied'],
  ] as const)('connected %s, %j, %s: %s', (isConnected, last, desiredDigest, state, reason) => {
    const status = connectorStatus({ isConnected, report: last, desiredDigest });
    expect(status.state).toBe(state);
    expect(status.reason).toContain(reason);
  });
});
