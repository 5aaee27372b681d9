import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openAuthority } from '../../../control-plane/pki/authority-files.ts';

// The world of these tests: `home` is an empty data directory; `other` is one of another
// control plane.
let home: string;
let other: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'culvert-authority-'));
  other = await mkdtemp(join(tmpdir(), 'culvert-authority-'));
});

afterEach(async () => {
  for (const directory of [home, other]) await rm(directory, { recursive: true });
});

describe('openAuthority()', () => {
  test('makes an authority once, with a key that only its owner reads', async () => {
    const first = await openAuthority(home, Date.now);
    const again = await openAuthority(home, Date.now);
    expect(again.fingerprint).toBe(first.fingerprint);
    expect(first.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect((await readdir(home)).sort()).toEqual(['authority.crt', 'authority.key']);
    expect((await stat(join(home, 'authority.key'))).mode & 0o777).toBe(0o600);
  });

  test('certifies the key again when the first start was cut short before the certificate', async () => {
    await openAuthority(other, Date.now);
    await rename(join(other, 'authority.key'), join(home, 'authority.key'));
    const healed = await openAuthority(home, Date.now);
    expect((await openAuthority(home, Date.now)).fingerprint).toBe(healed.fingerprint);
  });

  test('refuses a certificate without its key, and one of another key', async () => {
    await openAuthority(other, Date.now);
    await rename(join(other, 'authority.crt'), join(home, 'authority.crt'));
    await expect(openAuthority(home, Date.now)).rejects.toThrow('restore the key');
    await openAuthority(other, Date.now); // makes a certificate of the key that stayed
    await rm(join(other, 'authority.key'));
    await rm(join(other, 'authority.crt'));
    await openAuthority(other, Date.now);
    await rename(join(other, 'authority.key'), join(home, 'authority.key'));
    await expect(openAuthority(home, Date.now)).rejects.toThrow('not one pair');
  });
});
