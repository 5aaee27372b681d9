/**
 * Starts other programs; the agent's only door to `node:child_process`. No shell, no search
 * along PATH, no inherited environment, and a limit on time and on output, so that what a
 * program does depends on its arguments alone.
 *
 * Reading what a program prints is left to the adapters.
 *
 * @module
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { Secret } from '../../protocol/secret.ts';

/** Every program the agent starts, with the Debian package that has it. */
export const PACKAGE_OF = {
  ip: 'iproute2',
  nft: 'nftables',
  ping: 'iputils-ping',
  systemctl: 'systemd',
  wg: 'wireguard-tools',
  'wireguard-go': 'wireguard-go',
} as const;

export type Program = keyof typeof PACKAGE_OF;

export type Argv = readonly [program: Program, ...args: readonly string[]];

export type RunOptions = {
  /** Standard input; empty when absent. */
  readonly input?: string;
  /** Content of an unlinked file, which the program opens as {@link SECRET_FILE}. */
  readonly secret?: Secret;
  /** Default {@link TIMEOUT_MILLISECONDS}; then the program is killed. */
  readonly timeoutMilliseconds?: number;
};

/**
 * Runs a program to its end.
 *
 * @returns its standard output
 * @throws {MissingProgramError} when the program is not installed
 * @throws {CommandError} when it ends with another status than 0, or is killed at a limit
 */
export type Run = (argv: Argv, options?: RunOptions) => Promise<string>;

/** A program that outlives the agent. */
export type Detached = {
  readonly pid: number;
  /** True once it has ended; only known while the agent that started it lives. */
  readonly hasEnded: () => boolean;
};

export type StartDetached = (argv: Argv, environment?: Environment) => Promise<Detached>;

/** @returns a function that ends the program */
export type StartLines = (
  argv: Argv,
  onLine: (line: string) => void,
  onExit: (reason: string) => void,
) => () => void;

export type Environment = { readonly [name: string]: string };

/**
 * Where a program finds its secret; /dev/fd leads to the same and is not on every host. Not
 * standard input: Node makes that a socket, which cannot be opened by name (ENXIO).
 */
export const SECRET_FILE = '/proc/self/fd/3';

export const TIMEOUT_MILLISECONDS = 10_000;

/** A dump of 10,000 peers is about 2 MB. */
export const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** As systemd and Debian's root have it; PATH is the caller's and not to be trusted. */
const DIRECTORIES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Memory, not a disk, so that the content is nowhere once the file is closed. */
const SECRET_DIRECTORY = '/dev/shm';

const ENVIRONMENT: Environment = { LC_ALL: 'C', PATH: DIRECTORIES.join(':') };

/** A program ended badly. Carries no secret: they are in neither `argv` nor `stderr`. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly argv: Argv;
  /** Undefined when the program was killed. */
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(
    argv: Argv,
    { exitCode, stderr, reason }: { exitCode?: number | undefined; stderr: string; reason: string },
  ) {
    const said = stderr.trim().replaceAll(/\s*\n\s*/g, '; ');
    const shown = argv.length > 8 ? [...argv.slice(0, 8), '…'] : argv;
    super(`Cannot run "${shown.join(' ')}": ${reason}${said === '' ? '' : `: ${said}`}`);
    this.argv = argv;
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** A program is not installed. */
export class MissingProgramError extends Error {
  override readonly name = 'MissingProgramError';
  readonly program: Program;

  constructor(program: Program) {
    super(
      `Cannot find "${program}" in ${DIRECTORIES.join(', ')}; ` +
        `install the Debian package ${PACKAGE_OF[program]}`,
    );
    this.program = program;
  }
}

/** @throws {MissingProgramError} */
export function locate(program: Program): string {
  const known = located.get(program);
  if (known !== undefined) return known;
  const path = DIRECTORIES.map((directory) => `${directory}/${program}`).find(isExecutable);
  if (path === undefined) throw new MissingProgramError(program);
  located.set(program, path);
  return path;
}

const located = new Map<Program, string>();

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export const run: Run = async (argv, options = {}) => {
  const { input, secret } = options;
  const file = secret === undefined ? undefined : await openSecret(secret);
  try {
    const child = start(argv, {
      stdio: [
        input === undefined ? 'ignore' : 'pipe',
        'pipe',
        'pipe',
        ...(file === undefined ? [] : [file.fd]),
      ],
    });
    // A program that does not read its input breaks the pipe; its exit status tells why.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    const isSecret = secret !== undefined;
    const timeoutMilliseconds = options.timeoutMilliseconds ?? TIMEOUT_MILLISECONDS;
    return await outputOf(child, argv, { timeoutMilliseconds, isSecret });
  } finally {
    await file?.close();
  }
};

export const startDetached: StartDetached = async (argv, environment = {}) => {
  // A session of its own and no open descriptor: a signal to the agent's group does not reach
  // it, and it holds nothing of the agent's (Node opens everything else close-on-exec).
  const child = start(argv, { detached: true, stdio: 'ignore', cwd: '/' }, environment);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  child.unref();
  return {
    pid: child.pid!, // set once "spawn" is emitted
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
  };
};

export const startLines: StartLines = (argv, onLine, onExit) => {
  const child = start(argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(-MAX_LINE_CHARACTERS);
    for (const line of lines) onLine(line);
  });
  let hasEnded = false;
  const end = (reason: string) => {
    if (!hasEnded) onExit(reason);
    hasEnded = true;
  };
  child.once('error', (error) => end(error.message));
  child.once('close', (code, signal) => end(endingOf(code, signal)));
  return () => {
    hasEnded = true;
    child.kill('SIGKILL');
  };
};

/** Nobody's line is longer; a program that prints no line end must not fill the memory. */
const MAX_LINE_CHARACTERS = 64 * 1024;

function start(argv: Argv, options: SpawnOptions, environment: Environment = {}): ChildProcess {
  const [program, ...args] = argv;
  const env = { ...ENVIRONMENT, ...environment };
  return spawn(locate(program), args, { ...options, env, shell: false });
}

function outputOf(
  child: ChildProcess,
  argv: Argv,
  { timeoutMilliseconds, isSecret }: { timeoutMilliseconds: number; isSecret: boolean },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const output: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
    let bytes = 0;
    let limit: string | undefined;
    const stop = (reason: string) => {
      limit ??= reason;
      child.kill('SIGKILL');
      // A grandchild may hold the pipes open; nobody waits for it.
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const timer = setTimeout(
      () => stop(`no answer within ${timeoutMilliseconds} ms`),
      timeoutMilliseconds,
    );
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_OUTPUT_BYTES) stop(`more than ${MAX_OUTPUT_BYTES} bytes of output`);
        else output[name].push(chunk);
      });
    }
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(new CommandError(argv, { stderr: '', reason: error.message }));
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0 && limit === undefined) {
        resolve(Buffer.concat(output.stdout).toString('utf8'));
        return;
      }
      const said = Buffer.concat(output.stderr).toString('utf8');
      reject(
        new CommandError(argv, {
          exitCode: code ?? undefined,
          stderr: isSecret ? withoutQuotations(said) : said,
          reason: limit ?? endingOf(code, signal),
        }),
      );
    });
  });
}

/** wg(8) quotes the value it cannot read, and that may be a key. */
function withoutQuotations(text: string): string {
  return text.replaceAll(/`[^']*'/g, `\`${new Secret('')}'`);
}

function endingOf(code: number | null, signal: NodeJS.Signals | null): string {
  return code === null ? `ended by ${signal}` : `exit status ${code}`;
}

/** An open file without a name; no other process can come by it, and it ends with us. */
async function openSecret(secret: Secret): Promise<FileHandle> {
  const path = `${SECRET_DIRECTORY}/culvert-${randomUUID()}`;
  const file = await open(path, 'wx+', 0o600);
  try {
    await unlink(path); // before anything is in it
    await file.writeFile(secret.reveal());
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
