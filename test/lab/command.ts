/**
 * The lab's one door to other programs. No shell, an argument array, a time limit always;
 * every child is in a session of its own, so that Ctrl-C in a terminal reaches only us and
 * we end the children in order.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';

export type Result = {
  readonly stdout: string;
  readonly stderr: string;
  /** As a shell says it: 128 and the signal's number when a signal ended it. */
  readonly exitCode: number;
};

export type ExecuteOptions = {
  readonly input?: string | undefined;
  readonly timeoutMs?: number | undefined;
};

/** A command ended with another exit code than 0, or did not end in time. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly argv: readonly string[];
  readonly result: Result;

  constructor(argv: readonly string[], result: Result, why: string) {
    const said = (result.stderr.trim() || result.stdout.trim()).slice(-2000);
    super(`Cannot run "${argv.join(' ')}": ${why}${said === '' ? '' : `\n${said}`}`);
    this.argv = argv;
    this.result = result;
  }
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DAEMON_GRACE_MS = 300;

/**
 * Runs a program to its end and collects both outputs. Any exit code is an answer here.
 *
 * @throws {CommandFailed} when it is not there or takes longer than `timeoutMs`
 */
export function execute(
  argv: readonly [string, ...string[]],
  { input = '', timeoutMs = DEFAULT_TIMEOUT_MS }: ExecuteOptions = {},
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), { detached: true, stdio: 'pipe' });
    const output = { stdout: '', stderr: '' };
    const fail = (why: string) => reject(new CommandFailed(argv, { ...output, exitCode: -1 }, why));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`no end within ${timeoutMs} ms`);
    }, timeoutMs);
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text;
      });
    }
    child.on('error', (error) => {
      clearTimeout(timer);
      fail(error.message);
    });
    // A daemon that the program leaves behind may hold its output open for ever, so 'close'
    // alone would never come; what the program itself wrote has long been read by then.
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      const exitCode = code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
      const finish = () => resolve({ ...output, exitCode });
      const grace = setTimeout(finish, DAEMON_GRACE_MS);
      child.on('close', () => {
        clearTimeout(grace);
        finish();
      });
    });
    child.stdin.on('error', () => {}); // It may end without reading its input.
    child.stdin.end(input);
  });
}

/** As {@link execute}, but any exit code other than 0 throws as well. */
export async function succeed(
  argv: readonly [string, ...string[]],
  options: ExecuteOptions = {},
): Promise<string> {
  const result = await execute(argv, options);
  if (result.exitCode !== 0) {
    throw new CommandFailed(argv, result, `exit code ${result.exitCode}`);
  }
  return result.stdout;
}

/** Starts a program whose input and output are pipes to us; its errors go to `logFile`. */
export function launchPiped(argv: readonly [string, ...string[]], logFile: string) {
  return launch(argv, logFile, 'pipe');
}

/** Starts a program without input whose output and errors are appended to `logFile`. */
export function launchLogged(argv: readonly [string, ...string[]], logFile: string) {
  return launch(argv, logFile, 'log');
}

function launch(argv: readonly [string, ...string[]], logFile: string, output: 'pipe' | 'log') {
  const log = openSync(logFile, 'a', 0o600);
  try {
    const stdio: ('pipe' | 'ignore' | number)[] =
      output === 'pipe' ? ['pipe', 'pipe', log] : ['ignore', log, log];
    return spawn(argv[0], argv.slice(1), { detached: true, stdio });
  } finally {
    closeSync(log); // The child has its own copy.
  }
}

/** Resolves when the child is gone; at once when it is already. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}
