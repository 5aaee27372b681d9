/**
 * Short ways to write a {@link Decision}.
 *
 * @module
 */
import { type Problem, type ProblemCode, problem } from '../../protocol/problem.ts';
import type { Decision, TableName, Tables, Write } from './types.ts';

export type Refusal = { readonly kind: 'refuse'; readonly problem: Problem };

/** @param field JSON Pointer (RFC 6901) into the request body */
export function refuse(code: ProblemCode, detail: string, field?: string): Refusal {
  return { kind: 'refuse', problem: problem(code, detail, field) };
}

/** Everything is already as asked: nothing is written and nobody is told. */
export function unchanged<R>(result: R): Decision<R> {
  return { kind: 'change', writes: [], reachesAgents: false, result };
}

export function change<R>(
  result: R,
  { writes, reachesAgents }: { readonly writes: readonly Write[]; readonly reachesAgents: boolean },
): Decision<R> {
  return { kind: 'change', writes, reachesAgents, result };
}

export function put<T extends TableName>(table: T, row: Tables[T]): Write {
  return { kind: 'put', table, row } as Write; // the parameters tie the row to its table
}

export function remove(table: TableName, row: { readonly id: string }): Write {
  return { kind: 'delete', table, id: row.id };
}
