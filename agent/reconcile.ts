/**
 * One pass of the reconcile loop: look, wish, plan, apply, look again. Holds no state; a pass
 * may stop anywhere and the next one plans from what the kernel then has.
 *
 * @module
 */

import type { Wish } from './desire.ts';
import { needs, provides, type Resource } from './operation.ts';
import { plan } from './plan.ts';
import type { Failure, Held, Kernel, Observed, Operation } from './state.ts';

export type Outcome = {
  /** True when a fresh look at the kernel found nothing left to do, and nothing is held. */
  readonly isApplied: boolean;
  /** In the order in which they were carried out. */
  readonly done: readonly Operation[];
  readonly failures: readonly Failure[];
  readonly held: readonly Held[];
  /** What a next pass would still have to do. */
  readonly left: readonly Operation[];
  readonly observed: Observed;
};

/** Some work shows itself only when other work is done: a new interface has sysctls of its own. */
const MAX_ROUNDS = 4;

/**
 * @param wish what should be, given a look at the host; undefined when that is not known, and
 *   then nothing is touched: absence is not deletion
 * @param beforeApply called with the operations of a round and the look they were planned
 *   from, before any is carried out: the place to record what must be put back later
 * @throws when the kernel cannot be read; nothing was touched since the last look
 */
export async function reconcile({
  kernel,
  sysctls,
  wish,
  beforeApply = async () => {},
}: {
  readonly kernel: Kernel;
  readonly sysctls: readonly string[];
  readonly wish: (observed: Observed) => Wish | undefined;
  readonly beforeApply?: (operations: readonly Operation[], observed: Observed) => Promise<void>;
}): Promise<Outcome> {
  const done: Operation[] = [];
  const failures: Failure[] = [];
  for (let round = 1; ; round++) {
    const observed = await kernel.observe({ sysctls });
    const wanted = wish(observed);
    if (wanted === undefined) {
      return { isApplied: false, done, failures, held: [], left: [], observed };
    }
    const { operations, held: unplannable } = plan(wanted.desired, observed);
    const held = [...wanted.held, ...unplannable];
    if (operations.length === 0 || failures.length > 0 || round > MAX_ROUNDS) {
      const isApplied = operations.length === 0 && held.length === 0;
      return { isApplied, done, failures, held, left: operations, observed };
    }
    await beforeApply(operations, observed);
    const failed = await applyAll(kernel, operations);
    const hasFailed = new Set(failed.map((failure) => failure.operation));
    done.push(...operations.filter((operation) => !hasFailed.has(operation)));
    failures.push(...failed);
  }
}

/**
 * Carries out operations in order, runs of one kind at a time; what needs something that
 * failed is not tried.
 *
 * @returns every operation that was not done, with the reason, in order
 */
export async function applyAll(
  kernel: Kernel,
  operations: readonly Operation[],
): Promise<Failure[]> {
  const failures: Failure[] = [];
  const missing = new Map<Resource, Operation>();
  const fail = (failure: Failure) => {
    failures.push(failure);
    for (const resource of provides(failure.operation)) missing.set(resource, failure.operation);
  };
  for (const batch of runsOfOneKind(operations)) {
    const possible: Operation[] = [];
    for (const operation of batch) {
      const lacking = needs(operation).find((resource) => missing.has(resource));
      if (lacking === undefined) possible.push(operation);
      else fail({ operation, reason: `needs ${lacking}, which failed` });
    }
    if (possible.length === 0) continue;
    for (const failure of await kernel.apply(possible)) fail(failure);
  }
  return failures;
}

/** A run ends where an operation needs what the run provides: failing is known only after it. */
function runsOfOneKind(operations: readonly Operation[]): Operation[][] {
  const runs: Operation[][] = [];
  let provided = new Set<Resource>();
  for (const operation of operations) {
    const last = runs.at(-1);
    if (
      last?.[0]?.kind === operation.kind &&
      !needs(operation).some((resource) => provided.has(resource))
    ) {
      last.push(operation);
    } else {
      runs.push([operation]);
      provided = new Set();
    }
    for (const resource of provides(operation)) provided.add(resource);
  }
  return runs;
}
