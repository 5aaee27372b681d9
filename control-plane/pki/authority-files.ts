/**
 * Where the authority lives: `authority.key` (readable by its owner only) and `authority.crt`
 * in the data directory, made once. Agents know the control plane by this certificate, so a
 * second authority is never made where there was a first.
 *
 * @module
 */
import { join } from 'node:path';
import { Secret } from '../../protocol/secret.ts';
import { readIfThere, writeDurably } from '../durable-file.ts';
import type { Milliseconds } from '../model/types.ts';
import { Authority, makeAuthorityKey } from './authority.ts';

/**
 * Opens the authority of a data directory, or makes it. The key is written first: one that
 * stands without a certificate (a first start that was cut short) is certified again.
 *
 * @throws {Error} when the files do not belong together or cannot be read; nothing is changed
 */
export async function openAuthority(
  directory: string,
  now: () => Milliseconds,
): Promise<Authority> {
  const keyPath = join(directory, 'authority.key');
  const certificatePath = join(directory, 'authority.crt');
  const keyPem = await readIfThere(keyPath);
  const certificatePem = await readIfThere(certificatePath);
  if (certificatePem !== undefined) {
    if (keyPem === undefined) {
      throw new Error(
        `Cannot open the authority: "${certificatePath}" is there and its key "${keyPath}" ` +
          'is not; restore the key from the same backup',
      );
    }
    try {
      return Authority.load({ keyPem: new Secret(keyPem), certificatePem }, now);
    } catch (cause) {
      const files = `"${keyPath}" and "${certificatePath}"`;
      throw new Error(
        `Cannot open the authority: ${files} are not one pair; restore both from one backup`,
        { cause },
      );
    }
  }
  const key = keyPem === undefined ? await makeAuthorityKey() : new Secret(keyPem);
  const authority = await Authority.certify(key, now);
  if (keyPem === undefined) await writeDurably(keyPath, { text: key.reveal(), mode: 0o600 });
  await writeDurably(certificatePath, { text: authority.certificatePem, mode: 0o644 });
  return authority;
}
