/**
 * Carries requests of the client to a control plane over TLS 1.3. Only the authority of the
 * operator's configuration is trusted, whatever the machine trusts otherwise.
 *
 * @module
 */
import { request as httpsRequest } from 'node:https';
import { type ApiAnswer, type ApiRequest, type Request, UnreachableError } from './client.ts';
import type { OperatorConfiguration } from './configuration.ts';

const TIMEOUT_MS = 30_000;

/** More than any page of a list; an answer that is larger is none of ours. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export function httpsRequests(
  configuration: OperatorConfiguration,
  { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Request {
  return async (request) => {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      return await send(configuration, request, signal);
    } catch (error) {
      const reason = signal.aborted ? `no answer in ${timeoutMs / 1000} s` : reasonOf(error);
      throw new UnreachableError(
        `Cannot reach the control plane at ${configuration.url}: ${reason}`,
        { cause: error },
      );
    }
  };
}

function send(
  { url, authority, token }: OperatorConfiguration,
  { method, path, body }: ApiRequest,
  signal: AbortSignal,
): Promise<ApiAnswer> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${token.reveal()}`,
    accept: 'application/json',
    ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const options = { method, headers, ca: authority, minVersion: 'TLSv1.3', agent: false } as const;
  return new Promise((resolve, reject) => {
    const request = httpsRequest(new URL(path, url), { ...options, signal }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) response.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
      });
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(payload);
  });
}

/** In the words of somebody who has to mend it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = '', name, message } = error as NodeJS.ErrnoException; // `code` is Node's
  if (name === 'AbortError' || name === 'TimeoutError')
    return `no answer in ${TIMEOUT_MS / 1000} s`;
  if (code === 'ECONNREFUSED') return 'nothing listens there; is it running?';
  if (UNTRUSTED.has(code)) {
    return 'its certificate is not by the authority of the configuration; is it another one?';
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return 'its certificate is for other addresses; expected one that it was told by --api-url';
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) return 'it does not speak TLS 1.3';
  return message === '' ? code : message;
}

/** OpenSSL's verification errors that mean "by somebody else" (`node:crypto`, X509_V_ERR). */
const UNTRUSTED: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
]);
