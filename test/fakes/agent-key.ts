/**
 * An agent's identity key with a certificate request, made with @peculiar/x509: another
 * encoder than the agent's own, so that control-plane tests do not depend on the agent.
 *
 * @module
 */
import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';

export type AgentKey = { readonly keyPem: string; readonly requestPem: string };

const ALGORITHMS = {
  ec: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa: {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    publicExponent: new Uint8Array([1, 0, 1]),
    modulusLength: 2048,
  },
} as const;

export async function makeAgentKey(
  name = 'CN=agent',
  kind: keyof typeof ALGORITHMS = 'ec',
): Promise<AgentKey> {
  const algorithm = ALGORITHMS[kind];
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name,
    keys,
    signingAlgorithm: algorithm,
  });
  return {
    keyPem: KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString(),
    requestPem: request.toString('pem'),
  };
}
