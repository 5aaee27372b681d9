/**
 * The program on each plain host of the lab: servers that say which address they saw, and
 * probes that report what a far server said. It knows nothing of Culvert. Requests come as
 * JSON lines on standard input, answers go to standard output; it ends with its input.
 *
 * @module
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** TCP and UDP: answers everyone with the address it saw. */
export const MIRROR_PORT = 7000;
/** TCP: opens a connection of its own to the caller, at the port that the caller names. */
export const CALL_BACK_PORT = 7001;
/** UDP: counts numbered packets. */
export const STREAM_PORT = 7002;

export type StreamReport = {
  /** Different packets. */
  readonly received: number;
  readonly duplicates: number;
  /** Packets whose number was lower than one that came before. */
  readonly late: number;
  /** Every source address seen. */
  readonly sources: readonly string[];
  /** Longest silence between two packets, milliseconds. */
  readonly longestGapMs: number;
};

export type Request =
  /** What the mirror at `to` saw: an address. */
  | { readonly kind: 'mirror'; readonly protocol: 'tcp' | 'udp'; readonly to: string }
  /** Has the server at `to` connect to us: the address that came. */
  | { readonly kind: 'call-back'; readonly to: string }
  /** Sends numbered packets: how many. */
  | {
      readonly kind: 'send-stream';
      readonly stream: string;
      readonly to: string;
      readonly packetsPerSecond: number;
      readonly seconds: number;
    }
  | { readonly kind: 'report-stream'; readonly stream: string }
  /** Carries every connection to a Unix socket on to a TCP port, which the owner can reach. */
  | {
      readonly kind: 'forward';
      readonly socket: string;
      readonly to: string;
      readonly port: number;
    };

export type Answers = {
  readonly mirror: string;
  readonly 'call-back': string;
  readonly 'send-stream': number;
  readonly 'report-stream': StreamReport;
  readonly forward: null;
};

const PROBE_TIMEOUT_MS = 1000;

type Arrivals = {
  readonly numbers: Set<number>;
  readonly sources: Set<string>;
  duplicates: number;
  late: number;
  highest: number;
  lastAtMs: number;
  longestGapMs: number;
};
const streams = new Map<string, Arrivals>();

if (import.meta.main) await main();

async function main(): Promise<void> {
  await Promise.all([listenMirrorTcp(), listenMirrorUdp(), listenCallBack(), listenStream()]);
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    // Written by `host.ts`, which has the same types.
    const { id, request } = JSON.parse(line) as { id: number; request: Request };
    answer(request).then(
      (value) => say({ id, value }),
      (error: Error) => say({ id, error: error.message }),
    );
  }
  process.exit(0);
}

function answer(request: Request): Promise<Answers[Request['kind']]> {
  switch (request.kind) {
    case 'mirror':
      return request.protocol === 'tcp' ? askMirrorTcp(request.to) : askMirrorUdp(request.to);
    case 'call-back':
      return askCallBack(request.to);
    case 'send-stream':
      return sendStream(request);
    case 'report-stream':
      return Promise.resolve(reportStream(request.stream));
    case 'forward':
      return forward(request);
  }
}

async function listenMirrorTcp(): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => {}); // The prober reports it.
    socket.end(plain(socket.remoteAddress));
  });
  await once(server.listen(MIRROR_PORT, '::'), 'listening');
}

async function listenMirrorUdp(): Promise<void> {
  const server = createSocket('udp6');
  server.on('message', (_, from) => server.send(plain(from.address), from.port, from.address));
  server.bind(MIRROR_PORT, '::');
  await once(server, 'listening');
}

async function listenCallBack(): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (port) => {
      const back = createConnection({
        host: plain(socket.remoteAddress),
        port: Number(port.toString()),
      });
      back.on('error', () => {}).on('connect', () => back.end());
      socket.end();
    });
  });
  await once(server.listen(CALL_BACK_PORT, '::'), 'listening');
}

async function listenStream(): Promise<void> {
  const server = createSocket('udp6');
  server.on('message', (message, from) => {
    const [stream = '', number = ''] = message.toString().split(' ');
    record(stream, Number(number), plain(from.address));
  });
  server.bind(STREAM_PORT, '::');
  await once(server, 'listening');
}

async function askMirrorTcp(to: string): Promise<string> {
  const socket = createConnection({ host: to, port: MIRROR_PORT });
  return readToEnd(socket, `${to} to answer over TCP`);
}

async function askMirrorUdp(to: string): Promise<string> {
  const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4');
  try {
    const reply = Promise.withResolvers<string>();
    socket.on('message', (message) => reply.resolve(message.toString()));
    socket.on('error', reply.reject);
    socket.send('?', MIRROR_PORT, to);
    return await within(reply.promise, `${to} to answer over UDP`);
  } finally {
    socket.close();
  }
}

async function askCallBack(to: string): Promise<string> {
  const server = createServer();
  try {
    const called = Promise.withResolvers<string>();
    server.on('connection', (socket) => {
      socket.on('error', () => {});
      called.resolve(plain(socket.remoteAddress));
      socket.end();
    });
    await once(server.listen(0, '::'), 'listening');
    const own = server.address();
    if (own === null || typeof own === 'string') throw new RangeError('A TCP server has a port');
    const socket = createConnection({ host: to, port: CALL_BACK_PORT });
    socket.write(String(own.port));
    await readToEnd(socket, `${to} to take the request to call back`);
    return await within(called.promise, `${to} to call back`);
  } finally {
    server.close();
  }
}

async function sendStream({
  stream,
  to,
  packetsPerSecond,
  seconds,
}: Extract<Request, { kind: 'send-stream' }>): Promise<number> {
  const socket = createSocket(to.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', () => {}); // A packet that cannot be sent is one that does not arrive.
  const total = packetsPerSecond * seconds;
  const startMs = performance.now();
  for (let sent = 0; sent < total; ) {
    // By the clock and not by the timer, which fires late: behind, it sends several at once.
    const due = Math.ceil(((performance.now() - startMs) * packetsPerSecond) / 1000);
    for (; sent < Math.min(due, total); sent += 1) {
      socket.send(`${stream} ${sent}`, STREAM_PORT, to);
    }
    await sleep(1);
  }
  await sleep(200); // The last ones are on their way.
  socket.close();
  return total;
}

function record(stream: string, number: number, source: string): void {
  const nowMs = performance.now();
  const seen = streams.get(stream) ?? {
    numbers: new Set(),
    sources: new Set(),
    duplicates: 0,
    late: 0,
    highest: -1,
    lastAtMs: nowMs,
    longestGapMs: 0,
  };
  streams.set(stream, seen);
  if (seen.numbers.has(number)) seen.duplicates += 1;
  if (number < seen.highest) seen.late += 1;
  seen.numbers.add(number);
  seen.sources.add(source);
  seen.highest = Math.max(seen.highest, number);
  seen.longestGapMs = Math.max(seen.longestGapMs, nowMs - seen.lastAtMs);
  seen.lastAtMs = nowMs;
}

function reportStream(stream: string): StreamReport {
  const seen = streams.get(stream);
  return {
    received: seen?.numbers.size ?? 0,
    duplicates: seen?.duplicates ?? 0,
    late: seen?.late ?? 0,
    sources: [...(seen?.sources ?? [])],
    longestGapMs: seen?.longestGapMs ?? 0,
  };
}

async function forward({ socket, to, port }: Extract<Request, { kind: 'forward' }>): Promise<null> {
  const server = createServer((near) => {
    const far = createConnection({ host: to, port });
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  });
  await once(server.listen(socket), 'listening');
  return null;
}

function readToEnd(socket: Socket, what: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  socket.on('end', () => resolve(text)).on('error', reject);
  return within(promise, what).finally(() => socket.destroy());
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`Waited ${PROBE_TIMEOUT_MS} ms in vain for ${what}`)),
    PROBE_TIMEOUT_MS,
  );
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** An IPv4 address as such, which a socket for both families gives as an IPv4-mapped one. */
function plain(address: string | undefined): string {
  return (address ?? 'nobody').replace(/^::ffff:/, '');
}

function say(message: unknown): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
