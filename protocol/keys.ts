/**
 * WireGuard public keys as text. Making keys is an effect and belongs to the agent: private
 * keys are made on their host and never leave it.
 *
 * @module
 */
import { accept, type Parsed, refuse } from './parsed.ts';

declare const publicKeyBrand: unique symbol;

/** 32 bytes in canonical base64, 44 characters, as wg(8) prints it. */
export type PublicKey = string & { readonly [publicKeyBrand]: true };

/** 43 digits and one "="; the last digit has its two spare bits zero (RFC 4648 §3.5). */
const CANONICAL_KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

const ALL_ZERO = `${'A'.repeat(43)}=`;

export function parsePublicKey(text: string): Parsed<PublicKey> {
  if (!CANONICAL_KEY.test(text)) {
    return refuse('not a WireGuard public key; expected 32 bytes in base64 (44 characters)');
  }
  if (text === ALL_ZERO) return refuse('the all-zero key is no public key of anyone');
  return accept(text as PublicKey); // checked by the pattern
}
