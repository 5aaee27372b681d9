import { describe, expect, test } from 'vitest';
import {
  CommandError,
  locate,
  MissingProgramError,
  type Program,
  run,
  SECRET_FILE,
  startDetached,
  startLines,
} from '../../../agent/kernel/run.ts';
import { Secret } from '../../../protocol/secret.ts';

// Everything here runs without root: ip(8) and wg(8) only read.
const KEY = 'YHw6gD7cNrTzTGaBNaMBcVlEYUmaeCyvfQXQ7VzWJHI=';

describe('run()', () => {
  test('gives what the program prints, and feeds its standard input', async () => {
    const printed = await run(['wg', 'pubkey'], { input: `${KEY}\n` });
    expect(printed).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
  });

  test('passes a secret on a descriptor, under no name', async () => {
    const secret = new Secret('link show dev lo\n');
    expect(await run(['ip', '-batch', SECRET_FILE], { secret })).toContain('lo:');
  });

  test('throws with the exit status and what the program said', async () => {
    const failure = await run(['ip', 'link', 'show', 'dev', 'nowhere']).catch((e) => e);
    expect(failure).toBeInstanceOf(CommandError);
    expect(failure).toMatchObject({ exitCode: 1, argv: ['ip', 'link', 'show', 'dev', 'nowhere'] });
    expect(failure.message).toBe(
      'Cannot run "ip link show dev nowhere": exit status 1: Device "nowhere" does not exist.',
    );
  });

  test('keeps a secret out of the error when the program quotes it', async () => {
    const secret = new Secret(`[Peer]\nPublicKey = ${KEY}x\n`);
    const failure = await run(['wg', 'addconf', 'lo', SECRET_FILE], { secret }).catch((e) => e);
    expect(failure).toBeInstanceOf(CommandError);
    expect(`${failure.message} ${failure.stderr}`).not.toContain(KEY);
    expect(failure.message).toContain('[secret]');
  });

  test('kills a program that takes too long', async () => {
    const failure = await run(['ip', 'monitor'], { timeoutMilliseconds: 50 }).catch((e) => e);
    expect(failure.message).toBe('Cannot run "ip monitor": no answer within 50 ms');
    expect(failure.exitCode).toBeUndefined();
  });

  test('survives a program that does not read its input', async () => {
    const input = 'x'.repeat(1_000_000);
    await expect(run(['ip', '-V'], { input })).resolves.toContain('iproute2');
  });
});

describe('locate()', () => {
  test('names the package of a program that is missing', () => {
    const absent = 'no-such-program' as Program;
    expect(() => locate(absent)).toThrow(MissingProgramError);
    expect(() => locate(absent)).toThrow('Cannot find "no-such-program" in /usr/sbin, /usr/bin');
  });
});

describe('startLines()', () => {
  test('gives every line, then how the program ended', async () => {
    const lines: string[] = [];
    const ending = await new Promise<string>((resolve) => {
      startLines(['ip', '-o', 'address', 'show', 'dev', 'lo'], (line) => lines.push(line), resolve);
    });
    expect(lines[0]).toMatch(/^1: lo +inet 127\.0\.0\.1\/8/);
    expect(ending).toBe('exit status 0');
  });

  test('ends the program when told, and then says nothing', async () => {
    const endings: string[] = [];
    const stop = startLines(
      ['ip', 'monitor'],
      () => {},
      (reason) => endings.push(reason),
    );
    stop();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(endings).toEqual([]);
  });
});

describe('startDetached()', () => {
  test('gives the process and says when it has ended', async () => {
    const detached = await startDetached(['ip', '-V']);
    expect(detached.pid).toBeGreaterThan(1);
    await expect.poll(detached.hasEnded).toBe(true);
  });
});
