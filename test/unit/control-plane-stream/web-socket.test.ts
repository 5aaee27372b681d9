import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import {
  keepAlive,
  MAX_BUFFERED_BYTES,
  PING_INTERVAL,
  type Socket,
  transportOf,
} from '../../../control-plane/stream/web-socket.ts';
import { FakeClock } from '../../fakes/clock.ts';

// The world of these tests: one end of a stream, and a clock.
class FakeSocket extends EventEmitter implements Socket {
  readonly OPEN = 1;
  readyState = 1;
  bufferedAmount = 0;
  readonly done: string[] = [];

  send(text: string): void {
    this.bufferedAmount += text.length;
    this.done.push('send');
  }

  ping(): void {
    this.done.push('ping');
  }

  terminate(): void {
    this.done.push('terminate');
    this.readyState = 3;
    this.emit('close');
  }

  close(code: number): void {
    this.done.push(`close ${code}`);
    this.readyState = 2;
  }
}

describe('keepAlive()', () => {
  test('ends a stream that has not answered for a minute', () => {
    const { socket, clock, answers } = watched();
    clock.advance(4 * PING_INTERVAL - 1);
    expect(socket.done).toEqual(['ping', 'ping', 'ping']);
    clock.advance(1);
    expect(socket.done.at(-1)).toBe('terminate');
    clock.advance(10 * PING_INTERVAL);
    expect(socket.done).toHaveLength(4);
    expect(answers).toEqual([]);
  });

  test('lets one live that answers now and then', () => {
    const { socket, clock, answers } = watched();
    for (let count = 0; count < 5; count += 1) {
      clock.advance(3 * PING_INTERVAL);
      socket.emit('pong');
    }
    expect(socket.done).not.toContain('terminate');
    expect(answers).toHaveLength(5);
  });

  test('stops with the stream', () => {
    const { socket, clock } = watched();
    socket.emit('close');
    clock.advance(10 * PING_INTERVAL);
    expect(socket.done).toEqual([]);
  });
});

describe('transportOf()', () => {
  test('cuts off who reads too slowly, once, and says so', () => {
    const socket = new FakeSocket();
    let cuts = 0;
    const transport = transportOf(socket, () => {
      cuts += 1;
    });
    socket.bufferedAmount = MAX_BUFFERED_BYTES - 1;
    transport.send('x');
    expect(socket.done).toEqual(['send']);
    transport.send('x');
    transport.send('x');
    expect(socket.done).toEqual(['send', 'send', 'terminate']);
    expect(cuts).toBe(1);
  });

  test('sends nothing on a stream that is closing', () => {
    const socket = new FakeSocket();
    const transport = transportOf(socket, () => {});
    transport.close(1001, 'stopping');
    transport.send('x');
    expect(socket.done).toEqual(['close 1001']);
  });
});

function watched() {
  const socket = new FakeSocket();
  const clock = new FakeClock(0);
  const answers: number[] = [];
  keepAlive(socket, { clock, alive: () => answers.push(clock.now()) });
  return { socket, clock, answers };
}
