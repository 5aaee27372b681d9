/**
 * Decides when the kernel is reconciled: woken by a configuration, a kernel event or a timer,
 * which only mark it dirty; one pass at a time; after a failure later and later, with jitter.
 *
 * @module
 */
import { type BackoffLimits, backoffMilliseconds } from './backoff.ts';
import type { Logger } from './log.ts';
import type { Outcome } from './reconcile.ts';

export type LoopTimes = {
  /** A look at the kernel at least this often, whether or not anybody woke us. */
  readonly idleMilliseconds: number;
  /** Events that come close together are answered by one pass. */
  readonly settleMilliseconds: number;
  readonly retry: BackoffLimits;
};

export const DEFAULT_TIMES: LoopTimes = {
  idleMilliseconds: 10_000,
  settleMilliseconds: 50,
  retry: { firstMilliseconds: 500, lastMilliseconds: 30_000 },
};

export class Loop {
  readonly #pass: () => Promise<Outcome>;
  readonly #onOutcome: (outcome: Outcome) => void;
  readonly #logger: Logger;
  readonly #times: LoopTimes;
  readonly #random: () => number;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isDirty = false;
  #isStopped = false;
  #failures = 0;

  constructor(options: {
    /** One pass over the kernel. A throw counts as a failure and is tried again. */
    readonly pass: () => Promise<Outcome>;
    readonly onOutcome: (outcome: Outcome) => void;
    readonly logger: Logger;
    readonly times?: LoopTimes;
    /** 0 to 1. */
    readonly random: () => number;
  }) {
    this.#pass = options.pass;
    this.#onOutcome = options.onOutcome;
    this.#logger = options.logger;
    this.#times = options.times ?? DEFAULT_TIMES;
    this.#random = options.random;
  }

  /** Something may have changed. Returns at once; safe to call as often as one likes. */
  wake(): void {
    this.#isDirty = true;
    if (this.#running === undefined) this.#schedule(this.#times.settleMilliseconds);
  }

  /** Stops for good and waits for the pass that is under way. Touches nothing. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(delayMilliseconds: number): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#running = this.#run().finally(() => {
        this.#running = undefined;
        this.#schedule(this.#nextDelay());
      });
    }, delayMilliseconds);
  }

  async #run(): Promise<void> {
    this.#isDirty = false;
    try {
      const outcome = await this.#pass();
      this.#failures = outcome.left.length > 0 ? this.#failures + 1 : 0;
      this.#onOutcome(outcome);
    } catch (error) {
      this.#failures++;
      this.#logger.warn({ err: error }, 'cannot reconcile; trying again');
    }
  }

  #nextDelay(): number {
    const { settleMilliseconds, idleMilliseconds, retry } = this.#times;
    if (this.#failures > 0) return backoffMilliseconds(this.#failures, retry, this.#random());
    return this.#isDirty ? settleMilliseconds : idleMilliseconds;
  }
}
