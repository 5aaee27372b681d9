/**
 * Ways to try the operations of one kind so that one that fails does not keep the others from
 * being tried, and every failure comes back as a value with its reason.
 *
 * @module
 */
import type { Failure, Operation } from '../state.ts';
import { NetlinkError } from './netlink.ts';
import { CommandError } from './run.ts';

export async function oneByOne<O extends Operation>(
  operations: readonly O[],
  attempt: (operation: O) => Promise<void>,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const operation of operations) {
    try {
      await attempt(operation);
    } catch (error) {
      failures.push({ operation, reason: reasonOf(error) });
    }
  }
  return failures;
}

/** So many failures, and nothing else, say that the fault is not with the operations. */
const ENOUGH_FAILURES = 16;

/**
 * All operations of a link in one call; one by one only when the call fails, to find those
 * that are at fault. A program that is missing or was killed is at fault for all of them.
 */
export async function linkByLink<O extends Extract<Operation, { readonly link: string }>>(
  operations: readonly O[],
  attempt: (link: string, operations: readonly O[]) => Promise<void>,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const [link, some] of Map.groupBy(operations, (operation) => operation.link)) {
    try {
      await attempt(link, some);
    } catch (error) {
      const isOver = !(error instanceof CommandError) || error.exitCode === undefined;
      const first = isOver ? [] : some.slice(0, ENOUGH_FAILURES);
      const rest = some.slice(first.length);
      const single = (operation: O) => attempt(link, [operation]);
      const failed = await oneByOne(first, single);
      failures.push(...failed);
      if (failed.length < first.length) failures.push(...(await oneByOne(rest, single)));
      else failures.push(...rest.map((operation) => ({ operation, reason: reasonOf(error) })));
    }
  }
  return failures;
}

/**
 * @param ask sends requests and gives for each the error or undefined
 * @param requestOf undefined when the operation's link is not there
 * @param whyNot what an error means for the operation; undefined: there is nothing left to do
 */
export async function byNetlink<O extends Operation, R>(
  ask: (requests: readonly R[]) => Promise<(NetlinkError | undefined)[]>,
  operations: readonly O[],
  {
    requestOf,
    whyNot,
  }: {
    readonly requestOf: (operation: O) => R | undefined;
    readonly whyNot: (operation: O, error: NetlinkError) => string | undefined;
  },
): Promise<Failure[]> {
  const asked = operations.map((operation) => ({ operation, request: requestOf(operation) }));
  const answers = (await ask(asked.flatMap(({ request }) => request ?? []))).values();
  return asked.flatMap(({ operation, request }) => {
    const error = request === undefined ? new NetlinkError('ENODEV') : answers.next().value;
    const reason = error && whyNot(operation, error);
    return reason === undefined ? [] : [{ operation, reason }];
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
