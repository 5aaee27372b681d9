import type { Digest } from '../../protocol/digest.ts';
import type { Report } from '../../protocol/message.ts';

export type ConnectorStatus = {
  readonly state: 'active' | 'degraded' | 'inactive';
  readonly reason: string;
};

export function connectorStatus(_facts: {
  readonly isConnected: boolean;
  /** The agent's last report; undefined before its first. */
  readonly report: Report | undefined;
  /** Digest of the configuration that the connector should have; undefined when it has none. */
  readonly desiredDigest: Digest | undefined;
}): ConnectorStatus {
  throw new RangeError('not written');
}
