/**
 * How `culvert agent status` asks the running agent: HTTP on a Unix socket that only the
 * agent's user may open; so does `culvert agent accept`. `/metrics` is for a collector.
 *
 * @module
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
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
  agent: {
    readonly status: () => AgentStatus;
    readonly metrics: () => string;
    /** @returns why the revision was not taken; undefined when it was */
    readonly accept: (revision: number) => string | undefined;
  },
): Promise<Server> {
  makePrivateDirectory(runDirectory);
  const path = socketPath(runDirectory);
  const answers: Readonly<Record<string, Answer>> = {
    'GET /status': json(agent.status),
    'GET /metrics': { type: METRICS_CONTENT_TYPE, text: agent.metrics },
  };
  rmSync(path, { force: true });
  const server = createServer(({ method, url = '' }, response) => {
    const [, revision] = /^\/accept\/(\d{1,15})$/.exec(url) ?? [];
    const answer =
      method === 'POST' && revision !== undefined
        ? json(() => ({ refused: agent.accept(Number(revision)) ?? null }))
        : answers[`${method} ${url}`];
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
export async function askStatus(runDirectory: string): Promise<AgentStatus | undefined> {
  const text = await ask(runDirectory, 'GET', '/status');
  // Our own agent of the same version wrote it.
  return text === undefined ? undefined : (JSON.parse(text) as AgentStatus);
}

/**
 * Says yes to a revision that is held back.
 *
 * @returns why it was not taken, null when it was; undefined when no agent runs
 */
export async function askAccept(
  runDirectory: string,
  revision: number,
): Promise<{ readonly refused: string | null } | undefined> {
  const text = await ask(runDirectory, 'POST', `/accept/${revision}`);
  // As above.
  return text === undefined ? undefined : (JSON.parse(text) as { refused: string | null });
}

function json(value: () => unknown): Answer {
  return { type: 'application/json', text: () => JSON.stringify(value()) };
}

function ask(runDirectory: string, method: string, path: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
    const asking = request({ socketPath: socketPath(runDirectory), method, path, signal });
    asking.on('error', (error: NodeJS.ErrnoException) => {
      const isAbsent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
      if (isAbsent) resolve(undefined);
      else reject(error);
    });
    asking.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => resolve(text));
    });
    asking.end();
  });
}
