/**
 * Remembers the kernel settings of before, so that leaving puts them back. A value is written
 * down, durably, before anything is changed for the first time; later values are ours.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseWith, Type } from '../protocol/schema.ts';
import { makePrivateDirectory, writeDurably } from './durable-file.ts';
import type { Kernel, Operation } from './state.ts';

const JournalSchema = Type.Record(Type.String(), Type.String());

export class SysctlJournal {
  readonly #path: string;

  constructor(stateDirectory: string) {
    makePrivateDirectory(stateDirectory);
    this.#path = join(stateDirectory, 'sysctl-before.json');
  }

  /** Writes down every observed value that is not yet in the journal. */
  record(observed: ReadonlyMap<string, string>): void {
    const before = this.read();
    const fresh = [...observed].filter(([key]) => !before.has(key));
    if (fresh.length === 0) return;
    const all = Object.fromEntries([...before, ...fresh]);
    writeDurably(this.#path, `${JSON.stringify(all, null, 2)}\n`);
  }

  /** @throws {Error} when the file is damaged: what to put back is then not known */
  read(): ReadonlyMap<string, string> {
    if (!existsSync(this.#path)) return new Map();
    const parsed = parseWith(JournalSchema, JSON.parse(readFileSync(this.#path, 'utf8')));
    if (!parsed.ok) throw new Error(`Cannot use "${this.#path}": ${parsed.message}`);
    return new Map(Object.entries(parsed.value));
  }

  /**
   * Puts every setting back that is there and differs. Host-wide ones come first, because
   * the kernel copies them to the interfaces, whose own values then follow.
   *
   * @returns what could not be put back, one line each
   */
  async restore(kernel: Kernel, interest: readonly string[]): Promise<string[]> {
    const before = this.read();
    const { sysctls: present } = await kernel.observe({ sysctls: interest });
    const isWide = (key: string) => key.includes('/all/');
    const operations = [...before]
      .filter(([key, value]) => present.has(key) && (isWide(key) || present.get(key) !== value))
      .sort(([a], [b]) => Number(isWide(b)) - Number(isWide(a)))
      .map(([key, value]): Operation => ({ kind: 'set-sysctl', key, value }));
    if (operations.length === 0) return [];
    const failures = await kernel.apply(operations);
    return failures.map(({ reason }) => reason);
  }
}
