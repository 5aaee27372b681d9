/**
 * A machine of the lab: its own network, mounts, host name and process numbers, held by one
 * `unshare` process. Programs in it use their default paths: /run is empty, /etc, /var,
 * /root and /usr/local are private copies, so what a machine writes is gone with it.
 *
 * It cannot outlive its owner. The first process inside waits on a pipe that only the owner
 * holds; when the owner ends in any way, the pipe closes, that process ends, and the kernel
 * kills everything else inside, daemons included (pid_namespaces(7)).
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CommandFailed,
  type ExecuteOptions,
  ended,
  execute,
  launchLogged,
  launchPiped,
  type Result,
} from './command.ts';
import { deadline } from './wait.ts';

export type MachineOptions = {
  /** Forwards packets from birth, as any default gateway does. */
  readonly isRouter?: boolean | undefined;
};

/** Debian's, so that commands find what a login shell finds. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Runs as process 1. */
const BIRTH = join(import.meta.dirname, 'machine-birth.sh');

export class Machine {
  readonly name: string;
  /** Process 1 of the machine as the owner's /proc numbers it. */
  readonly initPid: number;
  readonly #holder: ChildProcess;
  readonly #folder: string;
  readonly #checkout: string;
  readonly #started: Started[] = [];

  private constructor(
    name: string,
    holder: ChildProcess,
    { folder, checkout }: { readonly folder: string; readonly checkout: string },
  ) {
    this.name = name;
    this.#holder = holder;
    this.#folder = folder;
    this.#checkout = checkout;
    this.initPid = mustHaveChild(holder);
  }

  /**
   * @param folder of the lab; logs and the machine's private files go below it
   * @param mark stands in the holder's arguments, so that a sweep can tell whose it is
   */
  static async create(
    name: string,
    {
      folder,
      mark,
      checkout,
      isRouter = false,
    }: MachineOptions & {
      readonly folder: string;
      readonly mark: string;
      readonly checkout: string;
    },
  ): Promise<Machine> {
    const own = join(folder, name);
    const disk = join(own, 'private');
    mkdirSync(disk, { recursive: true, mode: 0o700 });
    const isolate = ['--net', '--mount', '--uts', '--ipc', '--pid', '--fork', '--mount-proc'];
    const birthLog = join(own, 'birth.log');
    // --norc: with a socket as its input, bash would take itself for a remote shell.
    const holder = launchPiped(
      // biome-ignore format: one option and its value side by side
      ['unshare', ...isolate, '--kill-child=KILL',
        'env', '-i', `PATH=${PATH}`, 'HOME=/root', 'LANG=C.UTF-8',
        'bash', '--norc', BIRTH, mark, name, disk, isRouter ? '1' : '0', checkout],
      birthLog,
    );
    const born = new Promise<boolean>((resolve) => {
      holder.on('error', () => resolve(false));
      holder.on('exit', () => resolve(false));
      holder.stdout?.once('data', () => resolve(true));
    });
    if (!(await deadline(born, { ms: 20_000, what: `machine "${name}" to start` }))) {
      throw new Error(`Cannot start machine "${name}": ${readFileSync(birthLog, 'utf8').trim()}`);
    }
    return new Machine(name, holder, { folder: own, checkout });
  }

  /** Runs a command inside. Any exit code is an answer. */
  attempt(argv: readonly string[], options: ExecuteOptions = {}): Promise<Result> {
    return execute(enter(this.initPid, argv), options);
  }

  /**
   * Runs a command inside and gives what it wrote to standard output.
   *
   * @throws {CommandFailed} when its exit code is not 0
   */
  async run(argv: readonly string[], options: ExecuteOptions = {}): Promise<string> {
    const result = await this.attempt(argv, options);
    if (result.exitCode === 0) return result.stdout;
    throw new CommandFailed([`${this.name}#`, ...argv], result, `exit code ${result.exitCode}`);
  }

  /** Starts a program in the background; its output is kept in {@link logOf}. */
  start(argv: readonly string[], { log }: { readonly log: string }): Started {
    const started = new Started(launchLogged(enter(this.initPid, argv), this.#logFile(log)));
    this.#started.push(started);
    return started;
  }

  /** Starts a program whose input and output are pipes to the owner. */
  startPiped(argv: readonly string[], { log }: { readonly log: string }): ChildProcess {
    return launchPiped(enter(this.initPid, argv), this.#logFile(log));
  }

  /** What programs started with this `log` name have written so far; empty when none was. */
  logOf(log: string): string {
    const file = this.#logFile(log);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /**
   * Files and sockets written since birth, in order: what programs left on the host. Not those
   * of the checkout, where Node keeps compiled modules.
   */
  async writtenFiles(): Promise<string[]> {
    const disk = join(this.#folder, 'private');
    const skipped = ['-path', `${disk}/work`, '-o', '-path', `${disk}${this.#checkout}`];
    const found = await this.run(
      // biome-ignore format: one expression and its operands side by side
      ['find', disk, '/run', '(', ...skipped, ')', '-prune', '-o', '!', '-type', 'd', '-print'],
    );
    const files = found.trim().split('\n');
    return files.map((path) => path.replace(disk, '')).sort();
  }

  /** Ends everything inside, at once; resolves when the last process is gone. */
  async destroy(): Promise<void> {
    const gone = Promise.all([
      ended(this.#holder),
      ...this.#started.map((started) => started.ended()),
    ]);
    if (this.#holder.exitCode === null && this.#holder.signalCode === null) {
      process.kill(this.initPid, 'SIGKILL');
    }
    await deadline(gone, { ms: 20_000, what: `machine "${this.name}" to end` });
  }

  #logFile(log: string): string {
    return join(this.#folder, `${log}.log`);
  }
}

export type Signal = 'SIGTERM' | 'SIGINT' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT';

/** A program in the background of a machine. */
export class Started {
  readonly #entry: ChildProcess;

  constructor(entry: ChildProcess) {
    this.#entry = entry;
    entry.on('error', () => {}); // Seen as an end; ended() does not tell why.
  }

  get isRunning(): boolean {
    return this.#entry.exitCode === null && this.#entry.signalCode === null;
  }

  /** Signals the program itself, not the nsenter(1) in front of it. */
  kill(signal: Signal): void {
    if (!this.isRunning) return;
    const entry = mustHavePid(this.#entry);
    process.kill(childOf(this.#entry) ?? entry, signal);
    // nsenter(1) stops itself when its program stops, and never wakes by itself.
    if (signal === 'SIGCONT') process.kill(entry, signal);
  }

  async ended(): Promise<void> {
    await ended(this.#entry);
  }

  /** Ends it politely, or by force when it has not gone after `graceMs`. */
  async stop({ graceMs = 5000 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), graceMs);
    await ended(this.#entry);
    clearTimeout(timer);
  }
}

/**
 * The command line that runs `argv` in a machine. A death of the nsenter(1) in front takes the
 * program with it, so that nothing that timed out stays behind.
 */
export function enter(initPid: number, argv: readonly string[]): [string, ...string[]] {
  // biome-ignore format: one option and its value side by side
  return ['nsenter', '--target', String(initPid), '--net', '--mount', '--uts', '--ipc', '--pid',
    'setpriv', '--pdeathsig', 'KILL', 'env', '-i', `PATH=${PATH}`, 'HOME=/root', 'LANG=C.UTF-8',
    'TERM=dumb', ...argv];
}

/** The process below an unshare(1) or nsenter(1); undefined while and after there is none. */
function childOf(entry: ChildProcess): number | undefined {
  const pid = mustHavePid(entry);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? undefined : Number(children);
}

function mustHaveChild(entry: ChildProcess): number {
  const child = childOf(entry);
  if (child === undefined) throw new RangeError(`Process ${entry.pid} has no child`);
  return child;
}

function mustHavePid({ pid }: ChildProcess): number {
  if (pid === undefined) throw new RangeError('The program was never started');
  return pid;
}
