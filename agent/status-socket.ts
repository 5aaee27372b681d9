/**
 * How `culvert agent status` asks the running agent: HTTP on a Unix socket that only the
 * agent's user may open. `/status` is for the command, `/metrics` for a collector.
 *
 * @module
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import { join } from 'node:path';
import { makePrivateDirectory } from './durable-file.ts';
import { METRICS_CONTENT_TYPE } from './metrics.ts';
import type { AgentStatus } from './status.ts';

const TIMEOUT_MILLISECONDS = 5_000;

const socketPath = (runDirectory: string) => join(runDirectory, 'agent.sock');

type Answer = { readonly type: string; readonly text: () => string };

/** Serves until closed. The host lock is held already, so a socket found here is a dead one. */
export function serveStatus(
  runDirectory: string,
  agent: { readonly status: () => AgentStatus; readonly metrics: () => string },
): Promise<Server> {
  makePrivateDirectory(runDirectory);
  const path = socketPath(runDirectory);
  const answers: Readonly<Record<string, Answer>> = {
    'GET /status': { type: 'application/json', text: () => JSON.stringify(agent.status()) },
    'GET /metrics': { type: METRICS_CONTENT_TYPE, text: agent.metrics },
  };
  rmSync(path, { force: true });
  const server = createServer((request, response) => {
    const answer = answers[`${request.method} ${request.url}`];
    const type = answer?.type ?? 'application/json';
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': type });
    response.end(answer?.text() ?? '{}');
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve(server);
    });
  });
}

/** Undefined when no agent runs. */
export function askStatus(runDirectory: string): Promise<AgentStatus | undefined> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
    const request = get({ socketPath: socketPath(runDirectory), path: '/status', signal });
    request.on('error', (error: NodeJS.ErrnoException) => {
      const isAbsent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
      if (isAbsent) resolve(undefined);
      else reject(error);
    });
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      // Our own agent of the same version wrote it.
      response.on('end', () => resolve(JSON.parse(text) as AgentStatus));
    });
  });
}
