import { describe, expect, test } from 'vitest';
import {
  changeContext,
  randomDigits,
  randomSecret,
} from '../../../control-plane/change-context.ts';
import { FakeClock } from '../../fakes/clock.ts';

// The world of these tests: random bytes that are a given sequence, again and again.
const bytes = (...sequence: number[]) => {
  let index = 0;
  return (count: number) =>
    Uint8Array.from({ length: count }, () => sequence[index++ % sequence.length] ?? 0);
};

describe('randomDigits()', () => {
  test('drops the bytes that would favour the first digits', () => {
    expect(randomDigits(bytes(252, 255, 0, 35, 251), 3)).toBe('0zz');
  });

  test('gives each of the 36 digits equally often over all bytes', () => {
    const all = Array.from({ length: 256 }, (_, value) => value);
    const counts = Map.groupBy(randomDigits(bytes(...all), 252), (digit) => digit);
    expect([...counts.values()].map(({ length }) => length)).toEqual(new Array(36).fill(7));
  });
});

describe('changeContext()', () => {
  test('makes ids of 20 digits behind their prefix, at one moment', () => {
    const context = changeContext(new FakeClock(1000), bytes(10, 11, 12));
    expect(context.newId('net')).toMatch(/^net_[a-c]{20}$/);
    expect(context.now).toBe(1000);
  });
});

describe('randomSecret()', () => {
  test('is 32 bytes in base64url, as join tokens want it', () => {
    expect(randomSecret(bytes(251, 255))).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });
});
