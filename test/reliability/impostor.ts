/**
 * A program that listens where the control plane should be and answers as no control plane
 * would: `impostor.ts MODE CERTIFICATE KEY`. Whoever connects gets the same, again and again.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

const PORT = 8444;

/** What to do with a connection, behind TLS where that is not the point. */
export const MODES = {
  'hang before TLS': undefined,
  'garbage before TLS': undefined,
  hang: () => {},
  'hang up': (socket) => socket.destroy(),
  garbage: (socket) => socket.write(Buffer.alloc(100_000, 'culvert?')),
  'answer 500': (socket) => socket.end('HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n'),
  redirect: (socket) =>
    socket.end(
      'HTTP/1.1 302 Found\r\nlocation: https://192.0.2.66:9/\r\ncontent-length: 0\r\n\r\n',
    ),
  'half a message': (socket, request) => {
    socket.write(upgraded(request));
    socket.write(Buffer.concat([frame(5000), Buffer.from('{"type":"configuration",')]));
    setTimeout(() => socket.destroy(), 300);
  },
  'garbage messages': (socket, request) => {
    socket.write(upgraded(request));
    const message = Buffer.concat([frame(8), Buffer.from('{"a": 1}')]);
    for (let count = 0; count < 100; count++) socket.write(message);
    setTimeout(() => socket.destroy(), 300);
  },
  'a gigabyte as an answer': (socket) => {
    socket.write('HTTP/1.1 500 Oops\r\ncontent-length: 1073741824\r\n\r\n');
    pour(socket);
  },
  'a gigabyte as a header': (socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nx: ');
    pour(socket);
  },
  'a gigabyte as a message': (socket, request) => {
    socket.write(upgraded(request));
    socket.write(frame(2 ** 30));
    pour(socket);
  },
} as const satisfies Record<string, ((socket: Socket, request: string) => void) | undefined>;

export type Mode = keyof typeof MODES;

if (import.meta.main) main();

function main(): void {
  const [mode = '', certificate = '', key = ''] = process.argv.slice(2);
  const answer = MODES[mode as Mode]; // an unknown one only hangs
  const server =
    answer === undefined
      ? createServer((socket) => {
          socket.on('error', () => {});
          if (mode === 'garbage before TLS') socket.end(Buffer.alloc(1000, 'culvert?'));
        })
      : createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (socket) => {
          socket.on('error', () => {});
          socket.once('data', (request) => answer(socket, request.toString('latin1')));
        });
  server.on('tlsClientError', () => {});
  server.listen(PORT, () => process.stdout.write('listens\n'));
}

/** RFC 6455 §4.2.2. */
function upgraded(request: string): string {
  const key = /sec-websocket-key: (\S+)/i.exec(request)?.[1] ?? '';
  const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
  const accept = createHash('sha1').update(`${key}${magic}`).digest('base64');
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    '\r\n',
  ].join('\r\n');
}

/** The head of a text message of so many bytes, RFC 6455 §5.2. */
function frame(bytes: number): Buffer {
  if (bytes < 126) return Buffer.from([0x81, bytes]);
  const head = Buffer.alloc(10);
  head.writeUInt16BE(0x817f);
  head.writeBigUInt64BE(BigInt(bytes), 2);
  return head;
}

/** A gigabyte, as fast as it is taken. */
function pour(socket: Socket): void {
  const part = Buffer.alloc(64 * 1024, 'x');
  let left = 2 ** 30;
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      left -= part.length;
      if (!socket.write(part)) return;
    }
  };
  socket.on('drain', more);
  more();
}
