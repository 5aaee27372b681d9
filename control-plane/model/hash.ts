/**
 * How secrets are kept: as SHA-256. They have 256 random bits, so a plain hash is enough.
 *
 * @module
 */
import { createHash } from 'node:crypto';

/** 64 hexadecimal digits. */
export function hashOfSecret(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex');
}
