import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  AGENT_LIFETIME,
  Authority,
  identityFingerprintOf,
  makeAuthorityKey,
  parseCertificateRequest,
} from '../../../control-plane/pki/authority.ts';
import { expectParsed } from '../../../protocol/parsed.ts';
import { makeAgentKey } from '../../fakes/agent-key.ts';

// The world of these tests: it is noon of a day in 2026, and `con_…` is one connector.
const NOON = Date.parse('2026-03-01T12:00:00Z');
const HOUR = 60 * 60 * 1000;
const CONNECTOR = `con_${'a'.repeat(20)}`;

describe('Authority.issueServer()', () => {
  test('names addresses of both families and host names, for servers only', async () => {
    const authority = await makeAuthority();
    const { certificatePem, expiresAt } = await authority.issueServer([
      'culvert.example',
      '127.0.0.1',
      '2001:db8::1',
    ]);
    const certificate = new X509Certificate(certificatePem);
    expect(certificate.checkHost('culvert.example')).toBe('culvert.example');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('2001:db8::1')).toBe('2001:db8::1');
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']); // serverAuth, RFC 5280 §4.2.1.12
    expect(expiresAt).toBe(NOON + 30 * 24 * HOUR);
    expect(authority.hasIssued(certificate)).toBe(true);
  });
});

describe('Authority.issueAgent()', () => {
  test('certifies the key for the connector and ignores what the request calls itself', async () => {
    const authority = await makeAuthority();
    const key = await makeAgentKey('CN=root,O=everybody');
    const request = expectParsed(await parseCertificateRequest(key.requestPem));
    const pem = await authority.issueAgent(request, CONNECTOR);
    const certificate = new X509Certificate(pem);
    expect(certificate.subject).toBe(`CN=${CONNECTOR}`);
    expect(certificate.subjectAltName).toBe(`URI:urn:culvert:connector:${CONNECTOR}`);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']); // clientAuth
    expect(certificate.ca).toBe(false);
    expect(certificate.validFromDate.getTime()).toBe(NOON - HOUR); // for clocks that go wrong
    expect(certificate.validToDate.getTime()).toBe(NOON + AGENT_LIFETIME);
    expect(identityFingerprintOf(certificate)).toBe(request.identityFingerprint);
    expect(certificate.verify(new X509Certificate(authority.certificatePem).publicKey)).toBe(true);
  });
});

describe('Authority.hasIssued()', () => {
  test('is false for a certificate of another authority with the same name', async () => {
    const [ours, theirs] = [await makeAuthority(), await makeAuthority()];
    const { certificatePem } = await theirs.issueServer(['culvert.example']);
    expect(ours.hasIssued(new X509Certificate(certificatePem))).toBe(false);
  });
});

describe('parseCertificateRequest()', () => {
  test('refuses a request whose signature is of another key', async () => {
    const [a, b] = [await makeAgentKey(), await makeAgentKey()];
    expect(await parseCertificateRequest(spliceSignature(a.requestPem, b.requestPem))).toEqual({
      ok: false,
      message:
        'the certificate request is not signed by its own key; expected a PKCS #10 request in ' +
        'PEM, signed by its ECDSA P-256 key',
    });
  });

  test('refuses another kind of key, and text that is no request', async () => {
    const rsa = await makeAgentKey('CN=agent', 'rsa');
    expect(await parseCertificateRequest(rsa.requestPem)).toMatchObject({
      ok: false,
      message: expect.stringContaining('another kind of key'),
    });
    for (const text of ['', '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n', 'MIIB']) {
      expect(await parseCertificateRequest(text)).toMatchObject({
        ok: false,
        message: expect.stringContaining('cannot be read'),
      });
    }
  });
});

async function makeAuthority(): Promise<Authority> {
  return await Authority.certify(await makeAuthorityKey(), () => NOON);
}

/** The request of `a` with the signature of `b`: both end in a 64-byte ECDSA signature in DER. */
function spliceSignature(a: string, b: string): string {
  const [left, right] = [a, b].map((pem) =>
    Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'),
  );
  if (left === undefined || right === undefined) throw new RangeError('two requests');
  right.copy(left, left.length - 20, right.length - 20); // the last bytes are of the number s
  const base64 = left.toString('base64').replace(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----\n`;
}
