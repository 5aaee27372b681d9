/**
 * Drives `kernel-program.ts` inside a machine of the lab: asks, and reads the answers.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Failure, Kernel, Observed, Operation } from '../../agent/state.ts';
import { ended } from './command.ts';
import type { Question } from './kernel-program.ts';
import { CHECKOUT } from './lab.ts';
import type { Machine } from './machine.ts';
import { deadline } from './wait.ts';

const ANSWER_MS = 30_000;

/** The real kernel of a machine, as the agent there would have it. */
export class KernelDriver implements Kernel, AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(machine: Machine) {
    const program = join(CHECKOUT, 'test/lab/kernel-program.ts');
    this.#child = machine.startPiped([process.execPath, program], { log: 'kernel-program' });
    this.#answers = createInterface(this.#child.stdout!)[Symbol.asyncIterator](); // piped
  }

  /** @throws {Error} with the message of the error that the program met */
  async ask<T>(question: Question): Promise<T> {
    this.#child.stdin!.write(`${JSON.stringify(question)}\n`); // piped
    const what = `an answer to "${question.ask}"`;
    const { value: line } = await deadline(this.#answers.next(), { ms: ANSWER_MS, what });
    if (line === undefined) throw new Error(`Waited in vain for ${what}: the program has ended`);
    const { value, error } = JSON.parse(line) as { value?: T; error?: string };
    if (error !== undefined) throw new Error(error);
    return value as T; // what the program answers to this question
  }

  async observe({ sysctls }: { readonly sysctls: readonly string[] }): Promise<Observed> {
    type Answer = Omit<Observed, 'sysctls'> & { readonly sysctls: Record<string, string> };
    const answer = await this.ask<Answer>({ ask: 'observe', sysctls });
    return { ...answer, sysctls: new Map(Object.entries(answer.sysctls)) };
  }

  apply(operations: readonly Operation[]): Promise<readonly Failure[]> {
    return this.ask({ ask: 'apply', operations });
  }

  /** Its number inside the machine. */
  pid(): Promise<number> {
    return this.ask({ ask: 'pid' });
  }

  /** Resolves when the program is gone, for whatever reason. */
  ended(): Promise<void> {
    return deadline(ended(this.#child), { ms: ANSWER_MS, what: 'the program to end' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await this.ended();
  }
}
