import { describe, expect, test } from 'vitest';
import { linkByLink } from '../../../agent/kernel/attempt.ts';
import { CommandError } from '../../../agent/kernel/run.ts';
import type { Operation } from '../../../agent/state.ts';
import type { PublicKey } from '../../../protocol/keys.ts';

type Removal = Extract<Operation, { kind: 'remove-peer' }>;

const remove = (name: string, link = 'culvert0'): Removal => {
  return { kind: 'remove-peer', link, publicKey: name as PublicKey };
};
const refusal = (exitCode?: number) =>
  new CommandError(['wg', 'set'], { exitCode, stderr: '', reason: 'refused' });

describe('linkByLink()', () => {
  test('makes one call for the operations of a link', async () => {
    const calls: string[] = [];
    const operations = [remove('a'), remove('b', 'culvert1'), remove('c')];
    const failures = await linkByLink(operations, async (link, some) => {
      calls.push(`${link}: ${some.map(({ publicKey }) => publicKey).join(' ')}`);
    });
    expect(failures).toEqual([]);
    expect(calls).toEqual(['culvert0: a c', 'culvert1: b']);
  });

  test('finds the one at fault, and does the others', async () => {
    const done: string[] = [];
    const operations = [remove('a'), remove('bad'), remove('c')];
    const failures = await linkByLink(operations, async (_, some) => {
      if (some.some(({ publicKey }) => publicKey === 'bad')) throw refusal(1);
      done.push(...some.map(({ publicKey }) => publicKey));
    });
    expect(failures.map(({ operation }) => operation)).toEqual([remove('bad')]);
    expect(done).toEqual(['a', 'c']);
  });

  test.each([
    ['a program that was killed', undefined, 1],
    ['a call that fails whatever it is given', 1, 17],
  ])('does not try a thousand times at %s', async (_, exitCode, calls) => {
    const operations = Array.from({ length: 1_000 }, (_, i) => remove(`${i}`));
    let tries = 0;
    const failures = await linkByLink(operations, async () => {
      tries++;
      throw refusal(exitCode);
    });
    expect(failures.map(({ operation }) => operation)).toEqual(operations);
    expect(tries).toBe(calls);
  });
});
