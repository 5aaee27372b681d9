/**
 * Files that survive being killed, and power cuts: written beside, flushed, renamed, and the
 * directory flushed too (rename(2), fsync(2)). A reader finds the old or the whole new file.
 *
 * @module
 */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** Only the owner reads: everything the agent keeps is nobody else's business. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

export function writeDurably(path: string, text: string): void {
  const beside = `${path}.new`;
  const file = openSync(beside, 'w', FILE_MODE);
  try {
    writeFileSync(file, text); // unlike writeSync() it never writes only a part
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  chmodSync(beside, FILE_MODE); // a left-over from a killed writer keeps its old mode
  renameSync(beside, path);
  flushDirectory(dirname(path));
}

/** Makes the directory where it is missing. */
export function makePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE });
}

export function flushDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
