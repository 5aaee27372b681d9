/**
 * Small files that must be whole and must outlive a power cut: keys, certificates, the
 * operator's configuration. A reader sees the old content or the new one, never a part.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Writes the file beside its place, makes it durable, moves it into place, and makes the move
 * durable: fsync(2) of a file says nothing about the directory entry that names it.
 *
 * @throws {Error} of node:fs; the old content then still stands
 */
export async function writeDurably(
  path: string,
  { text, mode }: { readonly text: string; readonly mode: number },
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.chmod(mode); // the mode of open(2) is reduced by the umask
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The text of a file, or undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // node:fs throws it
    throw error;
  }
}
