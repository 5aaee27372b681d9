import type { Configuration } from '../../protocol/configuration.ts';
import type { PublicKey } from '../../protocol/keys.ts';

/** What is wrong with a configuration; empty when it may be sent. */
export function checkInvariants(
  _configuration: Configuration,
  _own: { readonly publicKey: PublicKey },
): string[] {
  throw new RangeError('not written');
}
