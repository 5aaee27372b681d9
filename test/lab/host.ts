/**
 * A plain host of the lab, driven from here: {@link Host} starts `host-program.ts` in a
 * machine and asks it. What arrives as ICMP is seen by tcpdump(1), because no program is asked
 * when the kernel answers an echo request.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Answers, Request } from './host-program.ts';
import type { Machine } from './machine.ts';
import { deadline, eventually } from './wait.ts';

const PROGRAM = join(import.meta.dirname, 'host-program.ts');

type Pending = { readonly resolve: (value: never) => void; readonly reject: (why: Error) => void };

export class Host {
  readonly machine: Machine;
  readonly #program: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  private constructor(machine: Machine, program: ChildProcess) {
    this.machine = machine;
    this.#program = program;
  }

  /** Resolves when its servers listen. */
  static async start(machine: Machine): Promise<Host> {
    // biome-ignore format: one option and its value side by side
    machine.start(['tcpdump', '--interface=any', '-n', '-l', '--immediate-mode',
      'icmp[icmptype] = icmp-echo or (icmp6 and ip6[40] = 128)'], { log: 'icmp' });
    const program = machine.startPiped([process.execPath, PROGRAM], { log: 'host' });
    const host = new Host(machine, program);
    const ready = Promise.withResolvers<void>();
    program.on('exit', () => ready.reject(new Error(`Host "${machine.name}" ended`)));
    // `pipe` above makes it a stream.
    createInterface({ input: program.stdout! }).on('line', (line) => {
      const message = JSON.parse(line);
      if (message.ready === true) ready.resolve();
      else host.#settle(message);
    });
    const sniffs = () => machine.logOf('icmp').includes('listening on') || undefined;
    await deadline(ready.promise, { ms: 20_000, what: `host "${machine.name}"` });
    await eventually(sniffs, { ms: 10_000, what: `tcpdump at host "${machine.name}"` });
    return host;
  }

  /**
   * Has the host do something.
   *
   * @throws {Error} with the host's own words when it did not succeed
   */
  ask<R extends Request>(request: R): Promise<Answers[R['kind']]> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#program.stdin?.write(`${JSON.stringify({ id, request })}\n`);
    });
  }

  /**
   * Sends one echo request and gets its reply.
   *
   * @param identifier of the echo request, ping(8) -e; lets the far host tell it from others
   * @throws {Error} when no reply comes
   */
  async ping(to: string, identifier: number): Promise<void> {
    const options = ['-n', '-c', '1', '-W', '1', '-e', String(identifier)];
    const { exitCode } = await this.machine.attempt(['ping', ...options, to]);
    if (exitCode !== 0) throw new Error(`${this.machine.name}: No echo reply from ${to}`);
  }

  /** The source of the echo request with this identifier, as it arrived here. */
  sourceOfPing(identifier: number): Promise<string> {
    // "12:00:00.000000 eth0  In  IP 10.1.0.10 > 10.2.0.10: ICMP echo request, id 7, seq 1, …"
    const pattern = new RegExp(`IP6? (\\S+) > \\S+: ICMP6?,? echo request, id ${identifier},`);
    return eventually(() => pattern.exec(this.machine.logOf('icmp'))?.[1], {
      ms: 2000,
      what: `tcpdump at "${this.machine.name}" to show echo request ${identifier}`,
    });
  }

  #settle(message: { id: number; value?: unknown; error?: string }): void {
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.error === undefined) pending?.resolve(message.value as never);
    else pending?.reject(new Error(`${this.machine.name}: ${message.error}`));
  }
}
