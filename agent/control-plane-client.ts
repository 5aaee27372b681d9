/**
 * HTTPS to the control plane: finds out its authority and proves it against the join token,
 * then sends requests that trust nothing else. TLS 1.3 only.
 *
 * @module
 */
import { createHash, X509Certificate } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { isProblemCode, type Problem, ProblemError } from '../protocol/problem.ts';

const TIMEOUT_MILLISECONDS = 15_000;
const MAX_ANSWER_BYTES = 256 * 1024;

/** The control plane could not be reached, or is not the one it should be. */
export class ControlPlaneError extends Error {
  override readonly name = 'ControlPlaneError';
}

export type Credentials = {
  /** PEM. */
  readonly authority: string;
  /** PEM pair of the agent; absent before it has joined. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
};

/**
 * Asks the server for its certificate chain and picks the authority whose fingerprint the
 * join token holds. Nothing secret is sent: until the fingerprint fits, the server is nobody.
 *
 * @returns the authority's certificate, PEM
 * @throws {ControlPlaneError} when it cannot be reached or shows another authority
 */
export async function fetchAuthority(url: string, fingerprint: string): Promise<string> {
  const chain = await readChain(url);
  const authority = chain.find(
    (der) => createHash('sha256').update(der).digest('hex') === fingerprint,
  );
  if (authority === undefined) {
    throw new ControlPlaneError(
      `Cannot join through ${url}: its certificate authority is not the one of the join token; ` +
        'somebody may stand between, or the token is of another control plane',
    );
  }
  return new X509Certificate(authority).toString();
}

/**
 * Sends JSON and reads JSON.
 *
 * @throws {ProblemError} when the control plane refuses
 * @throws {ControlPlaneError} when it cannot be reached or answers what nobody expects
 */
export async function post(
  url: string,
  body: object,
  { authority, certificate, key }: Credentials,
): Promise<unknown> {
  const { status, text } = await exchange(url, JSON.stringify(body), {
    ca: authority,
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
  });
  if (status === 204) return undefined;
  const value = parseJson(url, text);
  if (status >= 200 && status < 300) return value;
  throw new ProblemError(readProblem(url, status, value));
}

function exchange(
  url: string,
  body: string,
  tls: { readonly ca: string; readonly cert?: string; readonly key?: string },
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) =>
      reject(new ControlPlaneError(`Cannot reach ${url}: ${cause.message}`, { cause }));
    const request = httpsRequest(url, {
      ...tls,
      method: 'POST',
      minVersion: 'TLSv1.3',
      agent: false,
      signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    request.on('error', fail);
    request.on('response', (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        size += part.length;
        if (size > MAX_ANSWER_BYTES) request.destroy(new Error('the answer is too large'));
        else parts.push(part);
      });
      response.on('error', fail);
      response.on('end', () => {
        const status = response.statusCode ?? 0; // a response always has one
        resolve({ status, text: Buffer.concat(parts).toString('utf8') });
      });
    });
    request.end(body);
  });
}

function readChain(url: string): Promise<Uint8Array[]> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: port === '' ? 443 : Number(port),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // Not yet verified on purpose: the caller compares the fingerprint with the token's, and
      // every request after that verifies the chain against the authority found here.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      timeout: TIMEOUT_MILLISECONDS,
    });
    const fail = (cause: Error) => {
      socket.destroy();
      reject(new ControlPlaneError(`Cannot reach ${url}: ${cause.message}`, { cause }));
    };
    socket.on('error', fail);
    socket.on('timeout', () => fail(new Error('no answer in 15 s')));
    socket.on('secureConnect', () => {
      resolve(chainOf(socket.getPeerCertificate(true)));
      socket.destroy();
    });
  });
}

function chainOf(leaf: DetailedPeerCertificate): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate: DetailedPeerCertificate | undefined = leaf;
  // The last certificate of a chain names itself as its issuer.
  while (certificate?.raw !== undefined && !chain.some((der) => certificate?.raw.equals(der))) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

function parseJson(url: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ControlPlaneError(`Cannot use the answer of ${url}: it is not JSON`, { cause });
  }
}

function readProblem(url: string, status: number, value: unknown): Problem {
  const { code, detail, field } = (value ?? {}) as { [member: string]: unknown };
  if (typeof code !== 'string' || !isProblemCode(code) || typeof detail !== 'string') {
    throw new ControlPlaneError(`Cannot use the answer of ${url}: HTTP status ${status}`);
  }
  return { code, detail, ...(typeof field === 'string' ? { field } : {}) };
}
