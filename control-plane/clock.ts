/**
 * Time as a value that is passed in, so that a test decides what time it is and when a timer
 * fires.
 *
 * @module
 */
import type { Milliseconds } from './model/types.ts';

export type Clock = {
  now(): Milliseconds;
  /**
   * Calls `action` once, `delay` later. A waiting timer does not keep the program alive.
   *
   * @returns takes the timer back; harmless when it has fired
   */
  after(delay: Milliseconds, action: () => void): () => void;
};

export const systemClock: Clock = {
  now: Date.now,
  after: (delay, action) => {
    const timer = setTimeout(action, delay).unref();
    return () => clearTimeout(timer);
  },
};
