/**
 * A WebSocket as a session's transport: texts out, within bounds, and a look now and then
 * whether anybody is still there.
 *
 * @module
 */
import type { Clock } from '../clock.ts';
import type { Milliseconds } from '../model/types.ts';
import type { Transport } from './session.ts';

/** The part of ws that is used, so that a test can bring its own. */
export type Socket = {
  readonly readyState: number;
  readonly OPEN: number;
  readonly bufferedAmount: number;
  send(text: string): void;
  close(code: number, reason: string): void;
  terminate(): void;
  ping(): void;
  on(event: 'pong' | 'close', listener: () => void): unknown;
};

/** An agent that reads so slowly that this much waits for it is cut off, and comes again. */
export const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;

export const PING_INTERVAL: Milliseconds = 20_000;

/** Pings without an answer until the stream counts as dead: a minute. */
const MAX_SILENT_PINGS = 3;

/** @param onCut called when the other end was cut off because it reads too slowly */
export function transportOf(socket: Socket, onCut: () => void): Transport {
  return {
    send: (text) => {
      if (socket.readyState !== socket.OPEN) return; // its close event is under way
      socket.send(text);
      if (socket.bufferedAmount <= MAX_BUFFERED_BYTES) return;
      onCut();
      socket.terminate();
    },
    close: (code, reason) => socket.close(code, reason),
  };
}

/**
 * Notices a path that breaks without a word (a NAT that forgets, a cable), and keeps one in use
 * from being forgotten.
 *
 * @param alive called for each answer
 */
export function keepAlive(
  socket: Socket,
  { clock, alive }: { readonly clock: Clock; readonly alive: () => void },
): void {
  let silentPings = 0;
  const look = () => {
    if (silentPings === MAX_SILENT_PINGS) {
      socket.terminate();
      return;
    }
    silentPings += 1;
    socket.ping();
    cancel = clock.after(PING_INTERVAL, look);
  };
  let cancel = clock.after(PING_INTERVAL, look);
  socket.on('pong', () => {
    silentPings = 0;
    alive();
  });
  socket.on('close', () => cancel());
}
