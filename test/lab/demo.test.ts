/**
 * `scripts/demo` as a user meets it: up, looked at from outside, and gone without a trace
 * after Ctrl-C and after kill -9.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ended, execute, launchLogged } from './command.ts';
import { CHECKOUT } from './lab.ts';
import { tracesOf } from './leftovers.ts';
import { deadline, eventually } from './wait.ts';

let folder: string;
let demo: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-demo-test-'));
});

afterEach(async () => {
  demo?.kill('SIGKILL');
  if (demo !== undefined) await ended(demo);
  rmSync(folder, { recursive: true });
});

describe('scripts/demo', () => {
  test('stays up with an API for the user, and leaves nothing after Ctrl-C', async () => {
    start();
    await said(/Ctrl-C removes everything/);
    const [, command = ''] = /(CULVERT_CONFIG=\S+ .*culvert lookup .*)/.exec(output()) ?? [];

    const lookup = await execute(['sh', '-c', `cd "$0" && ${command}`, CHECKOUT]);

    expect(lookup.stdout).toMatch(/10\.2\.0\.0\/16.*branch/);
    await end('SIGINT');
    expect(demo?.exitCode).toBe(0);
    expect(tracesLeftBy(demo)).toEqual([]);
    expect(output()).toContain('63 of 63 lines hold');
  });

  test('--check works after one that was killed in the middle, and leaves nothing', async () => {
    start('--check');
    await said(/the control plane serves/);
    const killed = demo;
    await end('SIGKILL');

    start('--check');
    await deadline(ended(mustHave(demo)), { ms: 100_000, what: 'scripts/demo --check' });

    expect(demo?.exitCode).toBe(0);
    expect(tracesLeftBy(killed)).toEqual([]);
    expect(tracesLeftBy(demo)).toEqual([]);
  });

  test('says what it takes, and refuses what it does not know', async () => {
    const help = await execute([join(CHECKOUT, 'scripts/demo'), '--help']);
    const wrong = await execute([join(CHECKOUT, 'scripts/demo'), '--chekc']);

    expect(help).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('--check') });
    expect(wrong.exitCode).toBe(2);
  });
});

/** The script becomes the program: bash replaces itself, so signals meet the demo itself. */
function start(...options: string[]): void {
  rmSync(log(), { force: true });
  demo = launchLogged([join(CHECKOUT, 'scripts/demo'), ...options], log());
}

async function end(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
  demo?.kill(signal);
  await deadline(ended(mustHave(demo)), { ms: 30_000, what: `the demo to end by ${signal}` });
}

function said(pattern: RegExp): Promise<true> {
  return eventually(
    () => {
      if (demo?.exitCode !== null) throw new Error(`The demo ended:\n${output()}`);
      return pattern.test(output()) || undefined;
    },
    { ms: 90_000, what: `the demo to say ${pattern}` },
  );
}

function output(): string {
  return readFileSync(log(), 'utf8');
}

function log(): string {
  return join(folder, 'demo.log');
}

function tracesLeftBy(owner: ChildProcess | undefined) {
  return tracesOf(mustHave(owner).pid ?? 0);
}

function mustHave(child: ChildProcess | undefined): ChildProcess {
  if (child === undefined) throw new RangeError('No demo was started');
  return child;
}
