import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatStored, parseStored, StateFile } from '../../../agent/state-file.ts';
import { configuration, ENTRIES } from './world.ts';

const ME = `con_${'1'.repeat(20)}`;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'culvert-state-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('StateFile', () => {
  test('gives back what was saved last, and is read by nobody else', () => {
    open().save(configuration(ENTRIES, 7));
    open().save(configuration(ENTRIES.slice(0, 4), 8));
    expect(open().load()).toEqual({
      configuration: configuration(ENTRIES.slice(0, 4), 8),
      problems: [],
    });
    for (const name of readdirSync(directory)) {
      expect(statSync(join(directory, name)).mode & 0o077).toBe(0);
    }
  });

  test('keeps three generations', () => {
    const file = open();
    for (let revision = 1; revision <= 9; revision++) file.save(configuration(ENTRIES, revision));
    expect(readdirSync(directory)).toHaveLength(3);
    expect(open().load().configuration?.revision).toBe(9);
  });

  test.each([
    ['empty', () => ''],
    ['truncated', (text: string) => text.slice(0, -20)],
    ['altered', (text: string) => text.replace('10.2.0.0/16', '10.5.0.0/16')],
  ])('passes over a file that is %s and uses the one before', (_, damage) => {
    const file = open();
    file.save(configuration(ENTRIES, 7));
    file.save(configuration(ENTRIES, 8));
    const newest = join(directory, readdirSync(directory).sort().at(-1) ?? '');
    writeFileSync(newest, damage(readFileSync(newest, 'utf8')));
    const { configuration: loaded, problems } = open().load();
    expect(loaded?.revision).toBe(7);
    expect(problems).toEqual([expect.stringContaining('damaged')]);
  });

  test("does not use another connector's file", () => {
    open().save(configuration());
    const other = new StateFile({ directory, connectorId: `con_${'2'.repeat(20)}` });
    expect(other.load().configuration).toBeUndefined();
    expect(other.load().problems).toEqual([expect.stringContaining(ME)]);
  });
});

describe('parseStored()', () => {
  const text = formatStored(configuration(), ME);

  test('reads what formatStored() wrote', () => {
    expect(parseStored(text, ME)).toEqual({ ok: true, value: configuration() });
  });

  test('refuses every flipped bit and every cut, and never throws', () => {
    const bytes = Buffer.from(text);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        expect(parseStored(flipped.toString('utf8'), ME).ok).toBe(false);
        expect(parseStored(text.slice(0, at), ME).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test('never throws on any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (any) => {
        expect(parseStored(any, ME).ok).toBe(false);
      }),
    );
  });
});

function open(): StateFile {
  return new StateFile({ directory, connectorId: ME });
}
