/**
 * How a connector fares, from what is known of it. Pure.
 *
 * @module
 */
import type { Digest } from '../../protocol/digest.ts';
import type { Report } from '../../protocol/message.ts';

export type ConnectorStatus = {
  readonly state: 'active' | 'degraded' | 'inactive';
  /** One sentence: why it is in that state. */
  readonly reason: string;
};

/**
 * active: connected, and its last report says that it applied what it should have; degraded:
 * connected, and something is left; inactive: away (it forwards on what it has).
 */
export function connectorStatus(facts: {
  readonly isConnected: boolean;
  /** The agent's last report; undefined before its first. */
  readonly report: Report | undefined;
  /** Of the configuration that it should have; undefined when it cannot be given one. */
  readonly desiredDigest: Digest | undefined;
}): ConnectorStatus {
  const { isConnected, report, desiredDigest } = facts;
  if (!isConnected) return { state: 'inactive', reason: 'the agent is not connected' };
  if (desiredDigest === undefined) {
    return degraded('its configuration violates an invariant and is not sent');
  }
  if (report === undefined) return degraded('the agent has not reported yet');
  const { revision } = report.version;
  const left = firstOf(report.pending);
  if (report.version.digest !== desiredDigest) {
    const behind = `the agent is at revision ${revision} and has not applied the current one`;
    return degraded(left === undefined ? behind : `${behind}; ${left}`);
  }
  if (left !== undefined) return degraded(left);
  if (!report.isApplied) return degraded(`the agent is still applying revision ${revision}`);
  return { state: 'active', reason: `revision ${revision} is applied` };
}

function firstOf([first, ...others]: Report['pending']): string | undefined {
  if (first === undefined) return undefined;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  return `${first.operation}: ${first.reason}${more}`;
}

function degraded(reason: string): ConnectorStatus {
  return { state: 'degraded', reason };
}
