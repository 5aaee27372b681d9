/**
 * The borders between the steps of a program, each with a name, and a program that is killed
 * at one of them: from then on it has no effect. Steps are operations and looks at the kernel
 * (`KillingKernel`) and every call that writes to the disk (`killingFiles`), so the points
 * follow from the code and none has to be written into it.
 *
 * @module
 */
import type * as fs from 'node:fs';
import { basename } from 'node:path';
import { explain } from '../../agent/explain.ts';
import type { Failure, Kernel, Observed, Operation } from '../../agent/state.ts';

class Killed extends Error {}

export class Failpoints {
  /** Names of the points that were passed, in order. */
  readonly passed: string[] = [];
  #killAt = Number.POSITIVE_INFINITY;

  /**
   * Begins anew.
   *
   * @param killAt number of the point that kills, from 0; without one nothing does
   */
  arm(killAt = Number.POSITIVE_INFINITY): void {
    this.passed.length = 0;
    this.#killAt = killAt;
  }

  get isDead(): boolean {
    return this.passed.length > this.#killAt;
  }

  /** @throws {Killed} here, and at every point after */
  pass(name: string): void {
    if (this.isDead) throw new Killed('dead');
    this.passed.push(name);
    if (this.isDead) throw new Killed(name);
  }
}

/** A call that kills never answers, as no call does that a killed program made. */
export class KillingKernel implements Kernel {
  readonly #inner: Kernel;
  readonly #points: Failpoints;

  constructor(inner: Kernel, points: Failpoints) {
    this.#inner = inner;
    this.#points = points;
  }

  async observe(interest: { readonly sysctls: readonly string[] }): Promise<Observed> {
    await this.#pass('look at the kernel');
    return await this.#inner.observe(interest);
  }

  async apply(operations: readonly Operation[]): Promise<readonly Failure[]> {
    const failures: Failure[] = [];
    for (const operation of operations) {
      const name = explain(operation, (publicKey) => publicKey);
      await this.#pass(`before: ${name}`);
      failures.push(...(await this.#inner.apply([operation])));
      await this.#pass(`after: ${name}`);
    }
    return failures;
  }

  async #pass(name: string): Promise<void> {
    try {
      this.#points.pass(name);
    } catch {
      await new Promise(() => {});
    }
  }
}

/** `node:fs` with a point before, after and in the middle of everything that writes. */
export function killingFiles(real: typeof fs, points: Failpoints): typeof fs {
  const around = <A extends readonly unknown[], R>(name: string, call: (...args: A) => R) => {
    return (...args: A): R => {
      const of = typeof args[0] === 'string' ? `${name} ${basename(args[0])}` : name;
      points.pass(`before: ${of}`);
      const result = call(...args);
      points.pass(`after: ${of}`);
      return result;
    };
  };
  return {
    ...real,
    mkdirSync: around('make directory', real.mkdirSync) as typeof fs.mkdirSync, // one of its forms
    renameSync: around('rename', real.renameSync),
    chmodSync: around('set mode of', real.chmodSync),
    fsyncSync: around('flush', real.fsyncSync),
    rmSync: around('remove', real.rmSync),
    writeFileSync: (file, data, options) => {
      points.pass('before: write');
      const text = String(data);
      const written = real.writeSync(file as number, text.slice(0, text.length / 2)); // we pass it
      points.pass('in the middle of: write');
      real.writeFileSync(file, text.slice(written), options);
      points.pass('after: write');
    },
  };
}
