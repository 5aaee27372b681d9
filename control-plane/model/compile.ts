import type { Configuration } from '../../protocol/configuration.ts';
import type { Snapshot } from './types.ts';

/** The connector must be living. */
export function compileConnector(_snapshot: Snapshot, _connectorId: string): Configuration {
  throw new RangeError('not written');
}
