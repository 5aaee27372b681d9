/**
 * PKCS #10 certificate requests (RFC 2986), signed by the identity key: proof that the sender
 * holds it. The only door to @peculiar/x509 on this side; loaded only when it is needed,
 * because it is large and needed twice in a certificate's life.
 *
 * @module
 */
import type { KeyObject } from 'node:crypto';
import { webcrypto } from 'node:crypto';

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** @returns PEM. The subject is empty: the control plane names its connectors itself. */
export async function createCertificateRequest(key: KeyObject): Promise<string> {
  await import('reflect-metadata'); // @peculiar/x509 expects it to be there first
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  const der = key.export({ format: 'der', type: 'pkcs8' });
  const privateKey = await webcrypto.subtle.importKey('pkcs8', der, ECDSA, true, ['sign']);
  const { d: _, ...publicJwk } = key.export({ format: 'jwk' });
  const publicKey = await webcrypto.subtle.importKey('jwk', publicJwk, ECDSA, true, ['verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys: { privateKey, publicKey },
    signingAlgorithm: ECDSA,
  });
  return request.toString('pem');
}
