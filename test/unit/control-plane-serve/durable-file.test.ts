import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readIfThere, writeDurably } from '../../../control-plane/durable-file.ts';

// The world of these tests: a directory with the file `secret`, readable by everybody.
let home: string;
let path: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'culvert-durable-'));
  path = join(home, 'secret');
  await writeFile(path, 'old');
  await chmod(path, 0o644);
});

afterEach(() => rm(home, { recursive: true }));

describe('writeDurably()', () => {
  test('replaces text and mode at once', async () => {
    await writeDurably(path, { text: 'new', mode: 0o600 });
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(home)).toEqual(['secret']);
  });

  test('leaves the old file, and nothing beside it, when it fails', async () => {
    const isDirectory = join(home, 'directory', 'inside');
    await expect(writeDurably(isDirectory, { text: 'new', mode: 0o600 })).rejects.toThrow('ENOENT');
    await expect(writeDurably(home, { text: 'new', mode: 0o600 })).rejects.toThrow();
    expect(await readFile(path, 'utf8')).toBe('old');
    const beside = (await readdir(dirname(home))).filter((name) => name.startsWith(basename(home)));
    expect(beside).toEqual([basename(home)]);
  });
});

describe('readIfThere()', () => {
  test('tells a file that is not there from one that cannot be read', async () => {
    expect(await readIfThere(path)).toBe('old');
    expect(await readIfThere(join(home, 'nothing'))).toBeUndefined();
    await expect(readIfThere(home)).rejects.toThrow('EISDIR');
  });
});
