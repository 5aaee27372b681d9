/**
 * What a lab whose owner died without cleaning up may leave: a folder, and in the worst case
 * a holder that had not yet reached the point where it notices. Everything of a lab carries
 * its owner's process number and start time, so that a number used again misleads nobody, and
 * the namespace in which that is its number: the labs of a container are no business of its
 * host, which sees them under other numbers.
 *
 * @module
 */
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Not the system's choice of a temporary folder: machines share this one with the owner, and
 * see private copies of most others.
 */
export const LABS_FOLDER = '/tmp';

const PREFIX = 'culvert-lab';

/** Names the labs of this process; the arguments of holders and the folder begin so. */
export function ownMark(): string {
  return `${PREFIX}-${pidNamespace()}-${process.pid}-${startTimeOf(process.pid)}`;
}

/** What there is of the labs of one owner, living or dead. */
export function tracesOf(pid: number): Trace[] {
  return traces().filter(({ mark }) => ownerIn(mark).pid === pid);
}

/** Something on this machine that belongs to a lab. */
export type Trace = { readonly mark: string } & (
  | { readonly kind: 'holder'; readonly pid: number }
  | { readonly kind: 'folder'; readonly path: string }
);

/** What there is of labs of this namespace, of living and dead owners. */
function traces(): Trace[] {
  const holders = numbersIn('/proc').flatMap((pid): Trace[] => {
    const words = argumentsOf(pid);
    const mark = words.find((word) => isMark(word));
    return words[0] === 'unshare' && mark !== undefined ? [{ kind: 'holder', pid, mark }] : [];
  });
  const folders = labFolders().map(
    ({ name, folder }): Trace => ({ kind: 'folder', path: folder, mark: name }),
  );
  return [...holders, ...folders];
}

/** Removes what dead owners left. Returns a line for each thing removed. */
export function sweep(): string[] {
  return traces()
    .filter(({ mark }) => !isOwnerAlive(mark))
    .map((trace) => {
      if (trace.kind === 'folder') {
        rmSync(trace.path, { recursive: true, force: true });
        return trace.path;
      }
      killIfThere(trace.pid);
      return `process ${trace.pid} of ${trace.mark}`;
    });
}

/** Folders of labs of this namespace, of living and dead owners, newest last. */
export function labFolders(): { readonly name: string; readonly folder: string }[] {
  return readdirSync(LABS_FOLDER)
    .filter((name) => isMark(name))
    .sort((a, b) => ownerIn(a).startTime - ownerIn(b).startTime)
    .map((name) => ({ name, folder: join(LABS_FOLDER, name) }));
}

export function isOwnerAlive(mark: string): boolean {
  const { pid, startTime } = ownerIn(mark);
  return startTimeOf(pid) === startTime;
}

function isMark(text: string): boolean {
  return new RegExp(`^${PREFIX}-${pidNamespace()}-[0-9]+-[0-9]+(-|$)`).test(text);
}

function ownerIn(mark: string): { readonly pid: number; readonly startTime: number } {
  const [, pid, startTime] = mark.slice(PREFIX.length + 1).split('-');
  return { pid: Number(pid), startTime: Number(startTime) };
}

/** The number of this process's namespace of process numbers, pid_namespaces(7). */
function pidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid').replace(/[^0-9]/g, '');
}

/** In clock ticks after boot, proc(5), field 22; undefined when there is no such process. */
function startTimeOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold anything.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return undefined;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It ended by itself meanwhile, as holders of dead owners do.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // It ended since the listing.
  }
}

function numbersIn(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number);
}
