import { randomBytes, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../control-plane/clock.ts';
import type { OperatorFile } from '../../../control-plane/operator-file.ts';
import {
  Authority,
  makeAuthorityKey,
  parseCertificateRequest,
  SERVER_LIFETIME,
} from '../../../control-plane/pki/authority.ts';
import { openAuthority } from '../../../control-plane/pki/authority-files.ts';
import { type Running, start } from '../../../control-plane/serve.ts';
import { Store } from '../../../control-plane/store/store.ts';
import type { JoinAnswer } from '../../../protocol/message.ts';
import { expectParsed } from '../../../protocol/parsed.ts';
import { type AgentKey, makeAgentKey } from '../../fakes/agent-key.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { joinBody, type LogLine, loggerTo } from '../../fakes/control-plane.ts';
import { ask, TlsStream } from '../../fakes/tls-agent.ts';

// The world of these tests: a control plane on loopback over real TLS, with a data directory of
// its own; network `office` with the sites `hq` (10.1.0.0/16) and `branch` (10.2.0.0/16).
let home: string;
let running: Running;
let log: LogLine[];
let operator: OperatorFile;
const streams: TlsStream[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'culvert-serve-'));
  log = [];
  running = await startHere();
  operator = await readOperator();
});

afterEach(async () => {
  for (const { socket } of streams.splice(0)) socket.terminate();
  await running.close();
  await rm(home, { recursive: true });
});

describe('start()', () => {
  test('gives the first operator a file that opens the API', async () => {
    expect(operator.url).toBe(running.apiUrl);
    expect((await stat(join(home, 'operator.json'))).mode & 0o777).toBe(0o600);
    expect(await api('GET /v1/status')).toMatchObject({ status: 200, body: { networks: 0 } });
    expect(JSON.stringify(log)).not.toContain(operator.token);
    expect(log.map(({ message }) => message)).toContain('control plane serves');
  });

  test('keeps data, authority and the operator’s token over a restart', async () => {
    await api('POST /v1/networks', { name: 'office' });
    await running.close();
    running = await startHere();
    expect(await readOperator()).toEqual(operator);
    const { body } = await api('GET /v1/networks');
    expect(body.items).toMatchObject([{ name: 'office' }]);
  });

  test('heals when it was killed between the file and the row of the first token', async () => {
    await running.close();
    await rm(join(home, 'culvert.db')); // as if the row had never been committed
    running = await startHere();
    const healed = await readOperator();
    expect(healed.token).not.toBe(operator.token);
    operator = healed;
    expect((await api('GET /v1/status')).status).toBe(200);
  });

  test('renews the listeners’ certificate at half its life', async () => {
    await running.close();
    const clock = new FakeClock(Date.now() - SERVER_LIFETIME / 2); // ends in the present
    running = await startIn(home, { agentsPort: 0, clock });
    const before = [await serialOf(running.agentsPort), await serialOf(apiPort())];
    expect(before[0]).toBe(before[1]);
    clock.advance(SERVER_LIFETIME / 2);
    await eventually(async () => {
      const after = [await serialOf(running.agentsPort), await serialOf(apiPort())];
      expect(after[0]).toBe(after[1]);
      expect(after[0]).not.toBe(before[0]);
    });
    // What the listener demands is as before: a client certificate, and one group only.
    await expect(keyExchange({ ca: operator.authority, ecdhCurve: 'X25519' })).rejects.toThrow();
    await joinAndConnect('branch', 'gateway');
  });

  test('says which port it cannot have, and leaves nothing open', async () => {
    const other = await mkdtemp(join(tmpdir(), 'culvert-serve-'));
    const taken = startIn(other, { agentsPort: running.agentsPort });
    await expect(taken).rejects.toThrow(`Cannot listen on "127.0.0.1" port ${running.agentsPort}`);
    const store = await Store.open({ path: join(other, 'culvert.db'), newEpoch: () => 'e' });
    await store.close();
    await rm(other, { recursive: true });
  });

  test('refuses a data directory that another process has', async () => {
    await expect(startHere()).rejects.toThrow('culvert.db');
  });

  test('closes in time though streams are open', async () => {
    const { stream } = await joinAndConnect('branch', 'gateway');
    const begin = Date.now();
    await running.close();
    expect(Date.now() - begin).toBeLessThan(4000);
    expect(await stream.next()).toMatchObject({ code: 1001 });
    running = await startHere();
  });
});

describe('the agents’ listener', () => {
  test('lets an agent join and follow every change until it is removed', async () => {
    const { stream, answer } = await joinAndConnect('branch', 'gateway');
    const { connectorId } = answer;
    expect(await api(`GET /v1/connectors/${connectorId}`)).toMatchObject({
      body: { name: 'gateway', state: 'degraded', reason: 'the agent has not reported yet' },
    });

    await joinOverTls('hq', 'hq-gw');
    expect(await stream.next()).toMatchObject({
      type: 'delta',
      put: [
        { kind: 'peer', connector: 'hq-gw' },
        { kind: 'route', prefix: '10.1.0.0/16' },
      ],
    });
    const { epoch = '', revision = 0, digest = '' } = stream.transport.configuration ?? {};
    const version = { epoch, revision, digest };
    stream.say({ type: 'report', version, isApplied: true, pending: [], peers: [] });
    await eventually(async () => {
      const { body } = await api(`GET /v1/connectors/${connectorId}`);
      expect(body).toMatchObject({ state: 'active', appliedRevision: revision });
    });

    expect((await api(`DELETE /v1/connectors/${connectorId}`)).status).toBe(204);
    expect(await stream.next()).toEqual({ type: 'removed' });
    expect(await stream.next()).toMatchObject({ code: 4410 });
  });

  test('renews a certificate, and takes the renewed one', async () => {
    const { stream, answer, key } = await joinAndConnect('branch', 'gateway');
    stream.say({ type: 'renew', certificateRequest: key.requestPem });
    const message = await stream.next();
    if (!('type' in message) || message.type !== 'certificate') throw new Error('no certificate');
    expect(message.certificate).not.toBe(answer.certificate);
    const again = openStream({ cert: message.certificate, key: key.keyPem });
    await again.hello();
    expect(await again.next()).toMatchObject({ type: 'configuration' });
  });

  test('proves itself to who knows only the fingerprint, and sends the authority along', async () => {
    const authority = await openAuthority(home, Date.now);
    const socket = connect({
      port: running.agentsPort,
      host: '127.0.0.1',
      rejectUnauthorized: false,
    });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    const issuer = socket.getPeerX509Certificate()?.issuerCertificate;
    expect(issuer?.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(authority.fingerprint);
    socket.destroy();
  });

  test('refuses a stream without a certificate, and one of another authority', async () => {
    const { answer, key } = await joinAndConnect('branch', 'gateway');
    const bare = openStream({});
    expect(await bare.next()).toEqual({
      code: 4403,
      reason: 'there is no client certificate; expected the one that joining gave',
    });
    const request = expectParsed(await parseCertificateRequest(key.requestPem));
    const impostor = await Authority.certify(await makeAuthorityKey(), Date.now);
    const cert = await impostor.issueAgent(request, answer.connectorId);
    const forged = openStream({ cert, key: key.keyPem });
    expect(await forged.next()).toEqual({
      code: 4403,
      reason: 'another authority signed the client certificate; expected the one that joining gave',
    });
  });

  test('never tells an identity that it does not know that it was removed', async () => {
    const authority = await openAuthority(home, Date.now);
    const key = await makeAgentKey();
    const request = expectParsed(await parseCertificateRequest(key.requestPem));
    const cert = await authority.issueAgent(request, `con_${'0'.repeat(20)}`);
    const stream = openStream({ cert, key: key.keyPem });
    expect(await stream.next()).toEqual({ code: 4403, reason: 'no connector has this identity' });
  });

  test('lets a known key in though its certificate has run out', async () => {
    const { answer, key } = await joinAndConnect('branch', 'gateway');
    const lastYear = () => Date.now() - 365 * 24 * 60 * 60 * 1000;
    const authority = await openAuthority(home, lastYear);
    const request = expectParsed(await parseCertificateRequest(key.requestPem));
    const cert = await authority.issueAgent(request, answer.connectorId);
    expect(new X509Certificate(cert).validToDate.getTime()).toBeLessThan(Date.now());
    const stream = openStream({ cert, key: key.keyPem });
    await stream.hello();
    expect(await stream.next()).toMatchObject({ type: 'configuration' });
    expect(log).toContainEqual(
      expect.objectContaining({ message: 'agent came with a certificate that has run out' }),
    );
  });

  test('speaks hybrid post-quantum TLS 1.3 and nothing else', async () => {
    const { authority: ca } = operator;
    const group = await keyExchange({ ca });
    expect(group).toMatchObject({ name: 'X25519MLKEM768' });
    await expect(keyExchange({ ca, ecdhCurve: 'X25519:P-256' })).rejects.toThrow();
    await expect(keyExchange({ ca, maxVersion: 'TLSv1.2' })).rejects.toThrow();
  });

  test('lets a connector leave, also when it asks twice, and nobody else', async () => {
    const { stream, answer, key } = await joinAndConnect('branch', 'gateway');
    const own = { ca: operator.authority, cert: answer.certificate, key: key.keyPem };
    const leave = () => ask(running.agentsPort, 'POST /v1/leave', { ...own, body: {} });
    expect(await ask(running.agentsPort, 'POST /v1/leave', { ca: own.ca })).toMatchObject({
      status: 403,
      body: { code: 'connector-unknown' },
    });
    expect((await leave()).status).toBe(204);
    expect(await stream.next()).toEqual({ type: 'removed' });
    expect((await api(`GET /v1/connectors/${answer.connectorId}`)).status).toBe(404);
    expect((await leave()).status).toBe(204);
    expect(log.filter(({ message }) => message === 'connector left')).toHaveLength(1);
  });

  test('answers everything else with a problem', async () => {
    const { authority: ca } = operator;
    const { agentsPort: port } = running;
    for (const [route, body, expected] of [
      ['GET /v1/networks', undefined, { status: 404, body: { code: 'not-found' } }],
      ['GET /v1/join', undefined, { status: 405, headers: { allow: 'POST' } }],
      ['POST /v1/join', '{', { status: 400, body: { code: 'malformed-json' } }],
      ['POST /v1/join', {}, { status: 400, body: { code: 'invalid-request', field: '/secret' } }],
      ['POST /v1/join', 'x'.repeat(70_000), { status: 413, body: { code: 'too-large' } }],
      ['GET /v1/stream', undefined, { status: 404, body: { code: 'not-found' } }],
    ] as const) {
      expect(await ask(port, route, { ca, body }), route).toMatchObject(expected);
    }
    const stray = new TlsStream(port, { ca }, '/v1/elsewhere');
    expect(await stray.next()).toMatchObject({ code: 1006 });
  });
});

describe('the API’s listener', () => {
  test('takes TLS 1.3 with classical groups too, under its own names', async () => {
    const { authority: ca } = operator;
    const classical = { ca, ecdhCurve: 'X25519' };
    expect((await ask(apiPort(), 'GET /healthz', classical)).status).toBe(200);
    expect((await ask(apiPort(), 'GET /healthz', { ca, servername: 'localhost' })).status).toBe(
      200,
    );
    await expect(ask(apiPort(), 'GET /healthz', { ca, maxVersion: 'TLSv1.2' })).rejects.toThrow();
  });
});

function startHere(): Promise<Running> {
  return startIn(home, { agentsPort: 0 });
}

function startIn(
  dataDirectory: string,
  { agentsPort, clock = systemClock }: { readonly agentsPort: number; readonly clock?: Clock },
): Promise<Running> {
  return start(
    {
      dataDirectory,
      apiListen: { host: '127.0.0.1', port: 0 },
      agentsListen: { host: '127.0.0.1', port: agentsPort },
      agentsUrls: ['https://127.0.0.1:8444'],
    },
    { logger: loggerTo(log), clock, randomBytes },
  );
}

async function readOperator(): Promise<OperatorFile> {
  return JSON.parse(await readFile(join(home, 'operator.json'), 'utf8'));
}

function apiPort(): number {
  return Number(new URL(running.apiUrl).port);
}

function api(route: string, body?: unknown) {
  return ask(apiPort(), route, {
    ca: operator.authority,
    body,
    headers: { authorization: `Bearer ${operator.token}`, 'content-type': 'application/json' },
  });
}

/** Makes network and site when they are missing, and joins over TLS. */
async function joinOverTls(
  site: string,
  name: string,
): Promise<{ answer: JoinAnswer; key: AgentKey }> {
  await api('POST /v1/networks', { name: 'office' });
  for (const [other, prefix] of [
    ['hq', '10.1.0.0/16'],
    ['branch', '10.2.0.0/16'],
  ]) {
    await api('POST /v1/sites', { network: 'office', name: other, prefixes: [prefix] });
  }
  const { body } = await api('POST /v1/enrollment-tokens', { site });
  const key = await makeAgentKey();
  const publicKey = randomBytes(32).toString('base64');
  const answer = await ask(running.agentsPort, 'POST /v1/join', {
    ca: operator.authority,
    body: joinBody({ token: body.token, name, key, publicKey }),
  });
  expect(answer.status).toBe(200);
  return { answer: answer.body, key };
}

async function joinAndConnect(site: string, name: string) {
  const { answer, key } = await joinOverTls(site, name);
  const stream = openStream({ cert: answer.certificate, key: key.keyPem });
  await stream.hello();
  expect(await stream.next()).toMatchObject({ type: 'configuration' });
  return { stream, answer, key };
}

function openStream(credentials: { readonly cert?: string; readonly key?: string }): TlsStream {
  const stream = new TlsStream(running.agentsPort, { ca: operator.authority, ...credentials });
  streams.push(stream);
  return stream;
}

/** The group that a client with these options and the agents' listener agree on. */
function keyExchange(options: {
  readonly ca: string;
  readonly ecdhCurve?: string;
  readonly maxVersion?: 'TLSv1.2';
}): Promise<object | null> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: running.agentsPort, host: '127.0.0.1', ...options });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      resolve(socket.getEphemeralKeyInfo());
      socket.destroy();
    });
  });
}

/** Of the certificate that a listener shows. */
function serialOf(port: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', ca: operator.authority });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber);
      socket.destroy();
    });
  });
}

/** Tries again for at most five seconds. */
async function eventually(check: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await check();
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
