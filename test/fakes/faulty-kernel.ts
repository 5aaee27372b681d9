/**
 * A kernel in front of a fake one, in which one step goes wrong in a way that real kernels
 * and programs have.
 *
 * @module
 */
import type { Failure, Kernel, Observed, Operation } from '../../agent/state.ts';
import type { FakeKernel } from './kernel.ts';

/** What goes wrong, and how often. */
export type Fault = {
  readonly reason: string;
  readonly times: number;
  /** The work was done all the same, by us or by somebody else: only the answer says no. */
  readonly isDone?: boolean;
  /** Somebody takes the link away just before, where the operation is about one. */
  readonly takesLink?: boolean;
  /** The answer comes only when the adapter's time limit is over. */
  readonly afterMilliseconds?: number;
};

export class FaultyKernel implements Kernel {
  readonly #inner: FakeKernel;
  readonly #matches: (what: Operation | 'observe') => boolean;
  #fault: Fault;

  constructor(inner: FakeKernel, matches: (what: Operation | 'observe') => boolean, fault: Fault) {
    this.#inner = inner;
    this.#matches = matches;
    this.#fault = fault;
  }

  /** From here on nothing goes wrong. */
  mend(): void {
    this.#fault = { ...this.#fault, times: 0 };
  }

  async observe(interest: { readonly sysctls: readonly string[] }): Promise<Observed> {
    const fault = this.#take('observe');
    if (fault === undefined) return await this.#inner.observe(interest);
    await pause(fault);
    throw new Error(fault.reason);
  }

  async apply(operations: readonly Operation[]): Promise<readonly Failure[]> {
    const failures: Failure[] = [];
    for (const operation of operations) {
      const fault = this.#take(operation);
      if (fault === undefined) {
        failures.push(...(await this.#inner.apply([operation])));
        continue;
      }
      const link = linkOf(operation);
      if (fault.takesLink && link !== undefined) this.#inner.deleteLink(link);
      if (fault.isDone) await this.#inner.apply([operation]);
      await pause(fault);
      failures.push({ operation, reason: fault.reason });
    }
    return failures;
  }

  #take(what: Operation | 'observe'): Fault | undefined {
    if (this.#fault.times === 0 || !this.#matches(what)) return undefined;
    this.#fault = { ...this.#fault, times: this.#fault.times - 1 };
    return this.#fault;
  }
}

function linkOf(operation: Operation): string | undefined {
  if ('link' in operation) return operation.link;
  return 'route' in operation && 'link' in operation.route ? operation.route.link : undefined;
}

async function pause({ afterMilliseconds = 0 }: Fault): Promise<void> {
  if (afterMilliseconds === 0) return;
  await new Promise((resolve) => setTimeout(resolve, afterMilliseconds));
}
