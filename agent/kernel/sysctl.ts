/**
 * Kernel settings under /proc/sys/net. Takes no decision.
 *
 * @module
 * @see proc(5); `linux:Documentation/networking/ip-sysctl.rst`
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { Sysctl } from '../state.ts';

const ROOT = '/proc/sys';

/**
 * Values by key. A key that the kernel does not have is absent. `*` in a key stands for
 * every directory there: every link, `all` and `default` in `net/ipv4/conf/…`.
 *
 * @throws {RangeError} on a key outside `net/`
 */
export async function observeSysctls(keys: readonly string[]): Promise<Map<string, string>> {
  const all = (await Promise.all(keys.map(expand))).flat();
  const values = new Map<string, string>();
  await Promise.all(
    all.map(async (key) => {
      const value = await readFile(pathOf(key), 'utf8').catch(undefinedIfAbsent);
      if (value !== undefined) values.set(key, value.trimEnd());
    }),
  );
  return values;
}

/** @throws {Error} with a reason a person understands */
export async function setSysctl({ key, value }: Sysctl): Promise<void> {
  try {
    await writeFile(pathOf(key), value, { flag: 'r+' }); // never makes a file
  } catch (cause) {
    throw new Error(`Cannot write ${key}: ${reasonOf(cause)}`, { cause });
  }
}

async function expand(key: string): Promise<string[]> {
  const star = key.indexOf('/*');
  if (star < 0) return [key];
  const parent = key.slice(0, star);
  const names = (await readdir(pathOf(parent)).catch(undefinedIfAbsent)) ?? [];
  return names.map((name) => `${parent}/${name}${key.slice(star + 2)}`);
}

/** @throws {RangeError} */
function pathOf(key: string): string {
  const [first, ...names] = key.split('/');
  if (first !== 'net' || names.length === 0 || names.some((name) => /^\.{0,2}$|\0/.test(name))) {
    throw new RangeError(`Cannot use the sysctl "${key}"; expected one like net/ipv4/ip_forward`);
  }
  return `${ROOT}/${key}`;
}

function undefinedIfAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw error;
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException; // fs throws nothing else
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'the kernel does not have it';
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    return `/proc/sys is read-only for the agent (${code}); set it by a file in /etc/sysctl.d`;
  }
  if (code === 'EINVAL') return 'the kernel does not accept the value (EINVAL)';
  return message;
}
