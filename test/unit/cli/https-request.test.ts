import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Request, UnreachableError } from '../../../cli/client.ts';
import { httpsRequests } from '../../../cli/https-request.ts';
import { Authority, makeAuthorityKey } from '../../../control-plane/pki/authority.ts';
import { Secret } from '../../../protocol/secret.ts';

// The world of these tests: a control plane at 127.0.0.1, known by `ours`; and a stranger.
const TOKEN = 'secret-of-the-operator';
let ours: Authority;
let stranger: Authority;
let server: Server | undefined;

beforeAll(async () => {
  const now = () => Date.now();
  ours = await Authority.certify(await makeAuthorityKey(), now);
  stranger = await Authority.certify(await makeAuthorityKey(), now);
});

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
  server = undefined;
});

describe('httpsRequests()', () => {
  test('carries method, path, body and token there, and status and body back', async () => {
    const request = await serving(ours, ({ method, url, headers, body }) => {
      return {
        status: 201,
        body: JSON.stringify({
          method,
          url,
          type: headers['content-type'],
          body,
          token: headers.authorization,
        }),
      };
    });
    const path = '/v1/routes/10.1.0.0%2F16?network=a';
    const answer = await request({ method: 'PATCH', path, body: { name: 'café' } });
    expect(answer.status).toBe(201);
    expect(JSON.parse(answer.body)).toEqual({
      method: 'PATCH',
      url: path,
      type: 'application/json',
      body: '{"name":"café"}',
      token: `Bearer ${TOKEN}`,
    });
  });

  test('trusts the authority of the configuration only', async () => {
    const request = await serving(stranger, () => ({ status: 200, body: '{}' }));
    await expectUnreachable(request, /its certificate is not by the authority/);
  });

  test('refuses a certificate for another name', async () => {
    const options = { names: ['culvert.example'] };
    const request = await serving(ours, () => ({ status: 200, body: '{}' }), options);
    await expectUnreachable(request, /its certificate is for other addresses/);
  });

  test('refuses TLS 1.2', async () => {
    const options = { maxVersion: 'TLSv1.2' } as const;
    const request = await serving(ours, () => ({ status: 200, body: '{}' }), options);
    await expectUnreachable(request, /it does not speak TLS 1\.3$/);
  });

  test('says when nothing listens, and when nothing answers in time', async () => {
    const silent = await serving(ours, () => undefined, { timeoutMs: 200 });
    await expectUnreachable(silent, /: no answer in 0\.2 s$/);
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
    await expectUnreachable(silent, /: nothing listens there; is it running\?$/);
  });

  test('says when the answer is cut off', async () => {
    const request = await serving(ours, () => ({ status: 200, body: '{}', isCut: true }));
    await expectUnreachable(request, /: socket hang up$|aborted/);
  });
});

type Asked = {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
};
type Answered = { readonly status: number; readonly body: string; readonly isCut?: boolean };

/** A server at 127.0.0.1, and requests to it that know `ours`. */
async function serving(
  authority: Authority,
  answer: (asked: Asked) => Answered | undefined,
  {
    names = ['127.0.0.1'],
    maxVersion = 'TLSv1.3',
    timeoutMs = 5000,
  }: { names?: string[]; maxVersion?: 'TLSv1.2' | 'TLSv1.3'; timeoutMs?: number } = {},
): Promise<Request> {
  const { certificatePem, keyPem } = await authority.issueServer(names);
  const tls = { cert: certificatePem, key: keyPem.reveal(), maxVersion };
  const listener = createServer(tls, async (request, response) => {
    const { method, url, headers } = request;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const answered = answer({ method, url, headers, body });
    if (answered === undefined) return;
    response.writeHead(answered.status, answered.isCut ? { 'content-length': 1000 } : {});
    response.write(answered.body);
    if (answered.isCut) response.destroy();
    else response.end();
  });
  server = listener;
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = listener.address() as AddressInfo; // it listens on a port
  return httpsRequests(
    {
      url: `https://127.0.0.1:${port}`,
      authority: ours.certificatePem,
      token: new Secret(TOKEN),
    },
    { timeoutMs },
  );
}

async function expectUnreachable(request: Request, words: RegExp): Promise<void> {
  const error: unknown = await request({ method: 'GET', path: '/v1/status' }).catch((e) => e);
  expect(error).toBeInstanceOf(UnreachableError);
  expect(error).toHaveProperty('message', expect.stringMatching(words));
  expect(error).toHaveProperty(
    'message',
    expect.stringMatching(/^Cannot reach the control plane at https:/),
  );
  expect(error).toHaveProperty('message', expect.not.stringContaining(TOKEN));
}
