import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Loop, type LoopTimes } from '../../../agent/loop.ts';
import type { Outcome } from '../../../agent/reconcile.ts';
import { BARE_HOST } from './world.ts';

const TIMES: LoopTimes = {
  idleMilliseconds: 10_000,
  settleMilliseconds: 50,
  retry: { firstMilliseconds: 1_000, lastMilliseconds: 8_000 },
};
const AGREED: Outcome = {
  isApplied: true,
  done: [],
  failures: [],
  held: [],
  left: [],
  observed: BARE_HOST,
};
const LEFT: Outcome = { ...AGREED, left: [{ kind: 'remove-firewall' }], isApplied: false };

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('Loop', () => {
  test('answers many events with one pass', async () => {
    const { loop, passes } = start(async () => AGREED);
    for (let i = 0; i < 100; i++) loop.wake();
    await vi.advanceTimersByTimeAsync(60);
    expect(passes()).toBe(1);
  });

  test('runs one pass at a time, and once more for what came meanwhile', async () => {
    let running = 0;
    let most = 0;
    const { loop, passes } = start(async () => {
      running++;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 500));
      running--;
      return AGREED;
    });
    loop.wake();
    await vi.advanceTimersByTimeAsync(100);
    loop.wake();
    loop.wake();
    await vi.advanceTimersByTimeAsync(2_000);
    expect([passes(), most]).toEqual([2, 1]);
  });

  test('looks again by itself when nobody wakes it', async () => {
    const { loop, passes } = start(async () => AGREED);
    loop.wake();
    await vi.advanceTimersByTimeAsync(10_200);
    expect(passes()).toBe(2);
  });

  test.each([
    ['a pass throws', async (): Promise<Outcome> => Promise.reject(new Error('no netlink'))],
    ['something is left', async () => LEFT],
  ])('tries again later and later while %s, at most every 8 s', async (_, pass) => {
    const at: number[] = [];
    const begin = Date.now();
    const { loop } = start(async () => {
      at.push(Date.now() - begin);
      return pass();
    });
    loop.wake();
    await vi.advanceTimersByTimeAsync(40_000);
    const gaps = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    // Half of each delay is random; random() is 1 here.
    expect(gaps.slice(0, 6)).toEqual([1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  });

  test('stops after the pass that is under way and never runs again', async () => {
    const { loop, passes } = start(async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      return AGREED;
    });
    loop.wake();
    await vi.advanceTimersByTimeAsync(100);
    const stopped = loop.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    await stopped;
    loop.wake();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(passes()).toBe(1);
  });
});

function start(pass: () => Promise<Outcome>) {
  let count = 0;
  const silent = { info: () => {}, warn: () => {}, error: () => {} };
  const loop = new Loop({
    pass: () => {
      count++;
      return pass();
    },
    onOutcome: () => {},
    logger: silent,
    times: TIMES,
    random: () => 1,
  });
  return { loop, passes: () => count };
}
