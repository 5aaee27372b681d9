import { mkdtempSync, rmSync } from 'node:fs';
import { get, type RequestOptions, type Server } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serveMetrics } from '../../../agent/metrics-listener.ts';
import type { AgentStatus } from '../../../agent/status.ts';
import { askAccept, askStatus, serveStatus } from '../../../agent/status-socket.ts';
import { parseEndpoint } from '../../../protocol/endpoint.ts';
import { expectParsed } from '../../../protocol/parsed.ts';

const STATUS = { connector: 'hq-gw' } as AgentStatus; // whatever it is, it is passed on
const METRICS = '# HELP a b\n# TYPE a gauge\na 1\n';

let directory: string;
let servers: Server[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'culvert-socket-'));
  servers = [];
});

afterEach(() => {
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('serveStatus()', () => {
  beforeEach(async () => {
    const accept = (revision: number) => (revision === 12 ? undefined : 'nothing is held back');
    const agent = { status: () => STATUS, metrics: () => METRICS, accept };
    servers.push(await serveStatus(directory, agent));
  });

  test('answers the command with the status', async () => {
    expect(await askStatus(directory)).toEqual(STATUS);
  });

  test('passes on which revision a person accepts, and the answer', async () => {
    expect(await askAccept(directory, 12)).toEqual({ refused: null });
    expect(await askAccept(directory, 13)).toEqual({ refused: 'nothing is held back' });
    const socketPath = join(directory, 'agent.sock');
    for (const path of ['/accept/', '/accept/-1', '/accept/12/3', '/accept/x']) {
      const answered = await fetched({ socketPath, path, method: 'POST' });
      expect(answered, path).toMatchObject({ status: 404 });
    }
    const asGet = await fetched({ socketPath, path: '/accept/12' });
    expect(asGet).toMatchObject({ status: 404 });
  });

  test('answers a collector with the metrics, and nobody with anything else', async () => {
    const socketPath = join(directory, 'agent.sock');

    expect(await fetched({ socketPath, path: '/metrics' })).toEqual({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      text: METRICS,
    });
    expect(await fetched({ socketPath, path: '/constructor' })).toMatchObject({ status: 404 });
    expect(await fetched({ socketPath, path: '/status', method: 'POST' })).toMatchObject({
      status: 404,
    });
  });
});

describe('askStatus()', () => {
  test('says nothing when no agent runs', async () => {
    expect(await askStatus(directory)).toBeUndefined();
  });
});

describe('serveMetrics()', () => {
  test('answers /metrics on the address it was given, and not /status', async () => {
    const port = await freePort();
    servers.push(await serveMetrics(endpoint(port), () => METRICS));

    expect(await fetched({ host: '127.0.0.1', port, path: '/metrics' })).toMatchObject({
      status: 200,
      text: METRICS,
    });
    expect(await fetched({ host: '127.0.0.1', port, path: '/status' })).toMatchObject({
      status: 404,
      text: '',
    });
  });

  test('fails where somebody else listens', async () => {
    const port = await freePort();
    servers.push(await serveMetrics(endpoint(port), () => METRICS));

    await expect(serveMetrics(endpoint(port), () => METRICS)).rejects.toThrow('EADDRINUSE');
  });
});

const endpoint = (port: number) => expectParsed(parseEndpoint(`127.0.0.1:${port}`));

type Answer = {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly text: string;
};

function fetched(options: RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => {
        const { statusCode: status, headers } = response;
        resolve({ status, type: headers['content-type'], text });
      });
    });
    request.setTimeout(5000, () => request.destroy(new Error('no answer')));
    request.on('error', reject);
  });
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo; // it listens on TCP
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}
