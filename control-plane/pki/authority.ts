/**
 * The built-in certificate authority: issues the listeners' certificates and the agents'. It
 * names who speaks and takes no decision about them: whether a key may act is said by the
 * connectors' rows. The only door to @peculiar/x509.
 *
 * Keys are ECDSA on P-256: every TLS library in use verifies it, and a certificate has to
 * withstand only who is there during its days; what is sent is kept from later readers by the
 * key exchange (X25519MLKEM768), which is hybrid post-quantum.
 *
 * @module
 */
import 'reflect-metadata'; // @peculiar/x509 finds its services through it
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  KeyObject,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { accept, type Parsed, refuse } from '../../protocol/parsed.ts';
import { Secret } from '../../protocol/secret.ts';
import type { Milliseconds } from '../model/types.ts';

cryptoProvider.set(webcrypto);

const HOUR: Milliseconds = 60 * 60 * 1000;
const DAY = 24 * HOUR;

/** Certificates begin this long before they are made: hosts have clocks that go wrong. */
const CLOCK_SKEW = HOUR;

export const AUTHORITY_LIFETIME = 3653 * DAY;
export const SERVER_LIFETIME = 30 * DAY;
export const AGENT_LIFETIME = 7 * DAY;

const SUBJECT = 'CN=Culvert authority';
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** What a TLS listener needs; the key stays in memory. */
export type ServerIdentity = {
  readonly certificatePem: string;
  readonly keyPem: Secret;
  readonly expiresAt: Milliseconds;
};

/** A certificate request whose signature holds: the sender has the private key. */
export type CertificateRequest = {
  readonly publicKey: KeyObject;
  /** SHA-256 of the key (SubjectPublicKeyInfo, DER), hexadecimal: who the agent is. */
  readonly identityFingerprint: string;
};

export class Authority {
  readonly certificatePem: string;
  /** SHA-256 of the certificate (DER), hexadecimal; stands in every join token. */
  readonly fingerprint: string;
  readonly #certificate: X509Certificate;
  readonly #keys: KeyPair;
  readonly #now: () => Milliseconds;

  private constructor(certificatePem: string, keys: KeyPair, now: () => Milliseconds) {
    this.certificatePem = certificatePem;
    this.#certificate = new X509Certificate(certificatePem);
    this.fingerprint = sha256(this.#certificate.raw);
    this.#keys = keys;
    this.#now = now;
  }

  /** @param keyPem what {@link makeAuthorityKey} gave. @throws {TypeError} when it is not that */
  static async certify(keyPem: Secret, now: () => Milliseconds): Promise<Authority> {
    const keys = importKeys(keyPem);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: SUBJECT,
      notBefore: new Date(now() - CLOCK_SKEW),
      notAfter: new Date(now() + AUTHORITY_LIFETIME),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new Authority(`${certificate.toString('pem')}\n`, keys, now);
  }

  /** @throws {TypeError} when key and certificate are not one pair, or are no key or certificate */
  static load(
    { keyPem, certificatePem }: { readonly keyPem: Secret; readonly certificatePem: string },
    now: () => Milliseconds,
  ): Authority {
    const authority = new Authority(certificatePem, importKeys(keyPem), now);
    if (!authority.#certificate.checkPrivateKey(createPrivateKey(keyPem.reveal()))) {
      throw new TypeError('Cannot load the authority: the certificate is of another key');
    }
    return authority;
  }

  /** @param names DNS names and IP addresses that clients call the listener by */
  async issueServer(names: readonly string[]): Promise<ServerIdentity> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const expiresAt = this.#now() + SERVER_LIFETIME;
    const certificatePem = await this.#issue({
      commonName: 'culvert control plane',
      publicKey: keys.publicKey,
      expiresAt,
      extensions: [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
        ),
      ],
    });
    return { certificatePem, keyPem: exportKey(keys.privateKey), expiresAt };
  }

  /**
   * Only the key is taken from the request: what a subject says about itself is no evidence.
   *
   * @returns PEM; the connector's id stands in the subject and as a URI (RFC 5280 §4.2.1.6)
   */
  async issueAgent(request: CertificateRequest, connectorId: string): Promise<string> {
    return await this.#issue({
      commonName: connectorId,
      publicKey: request.publicKey.toCryptoKey(ALGORITHM, true, ['verify']),
      expiresAt: this.#now() + AGENT_LIFETIME,
      extensions: [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension([
          { type: 'url', value: `urn:culvert:connector:${connectorId}` },
        ]),
      ],
    });
  }

  /** True when this authority signed the certificate, whatever its dates say. */
  hasIssued(certificate: X509Certificate): boolean {
    return certificate.verify(this.#certificate.publicKey);
  }

  async #issue({
    commonName,
    publicKey,
    expiresAt,
    extensions,
  }: {
    readonly commonName: string;
    readonly publicKey: webcrypto.CryptoKey;
    readonly expiresAt: Milliseconds;
    readonly extensions: readonly Extension[];
  }): Promise<string> {
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: `CN=${commonName}`,
      issuer: SUBJECT,
      notBefore: new Date(this.#now() - CLOCK_SKEW),
      notAfter: new Date(expiresAt),
      signingAlgorithm: ALGORITHM,
      publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        await AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
        ...extensions,
      ],
    });
    return `${certificate.toString('pem')}\n`;
  }
}

/** The private key of an authority to be, PKCS #8 in PEM. */
export async function makeAuthorityKey(): Promise<Secret> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  return exportKey(keys.privateKey);
}

/** Accepts a PKCS #10 request (RFC 2986) that its own P-256 key signed. */
export async function parseCertificateRequest(pem: string): Promise<Parsed<CertificateRequest>> {
  const expected = 'expected a PKCS #10 request in PEM, signed by its ECDSA P-256 key';
  try {
    const request = new Pkcs10CertificateRequest(pem);
    const publicKey = createPublicKey({
      key: Buffer.from(request.publicKey.rawData),
      format: 'der',
      type: 'spki',
    });
    // The curve before the signature: a huge RSA key would cost time to verify.
    if (publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
      return refuse(`the certificate request has another kind of key; ${expected}`);
    }
    if (!(await request.verify())) {
      return refuse(`the certificate request is not signed by its own key; ${expected}`);
    }
    return accept({ publicKey, identityFingerprint: fingerprintOf(publicKey) });
  } catch {
    return refuse(`the certificate request cannot be read; ${expected}`); // ASN.1 from outside
  }
}

/** SHA-256 of a certificate's key (SubjectPublicKeyInfo, DER), hexadecimal. */
export function identityFingerprintOf(certificate: X509Certificate): string {
  return fingerprintOf(certificate.publicKey);
}

function fingerprintOf(publicKey: KeyObject): string {
  return sha256(publicKey.export({ type: 'spki', format: 'der' }));
}

type KeyPair = {
  readonly privateKey: webcrypto.CryptoKey;
  readonly publicKey: webcrypto.CryptoKey;
};

function importKeys(pem: Secret): KeyPair {
  const privateKey = createPrivateKey(pem.reveal());
  return {
    privateKey: privateKey.toCryptoKey(ALGORITHM, true, ['sign']),
    publicKey: createPublicKey(privateKey).toCryptoKey(ALGORITHM, true, ['verify']),
  };
}

function exportKey(key: webcrypto.CryptoKey): Secret {
  return new Secret(KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString());
}

/** 16 random bytes, positive and not zero (RFC 5280 §4.1.2.2). */
function serialNumber(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 1;
  return bytes.toString('hex');
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
