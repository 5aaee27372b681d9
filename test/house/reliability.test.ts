/**
 * The published fault list promises what is tested, and nothing else.
 *
 * @module
 */
import { describe, expect, test } from 'vitest';
import { reliabilityPage } from '../../scripts/reliability-page.ts';
import { ROWS } from '../reliability/rows.ts';
import { allFiles, isIn, textOf } from './tree.ts';

const IDS = ROWS.map(({ id }) => id);

describe('docs/reliability.md', () => {
  test('is what scripts/reliability-page.ts writes', () => {
    expect(textOf('docs/reliability.md')).toBe(reliabilityPage(ROWS));
  });
});

describe('every row', () => {
  test('has one test, and every test a row', () => {
    const files = allFiles().filter((path) => isIn(path, 'test/reliability/*.test.ts'));
    const proven = files.flatMap((path) => provenIn(textOf(path)));
    expect(proven.toSorted()).toEqual(IDS.toSorted());
  });

  test('has an id of its own, and says what went wrong and what happens', () => {
    expect(new Set(IDS).size).toBe(IDS.length);
    for (const { id, fault, promise } of ROWS) {
      expect(id).toMatch(/^F\d\d$/);
      expect(fault.length, id).toBeGreaterThan(10);
      expect(promise.length, id).toBeGreaterThan(10);
      expect(fault + promise, `${id} breaks the table`).not.toContain('|');
    }
  });
});

describe('the rules see', () => {
  test('a test by its first argument', () => {
    expect(provenIn("prove('F07', async () => {});\nprove('F12', () =>")).toEqual(['F07', 'F12']);
  });
});

function provenIn(text: string): string[] {
  return [...text.matchAll(/^prove\('(F\d+)'/gm)].map(([, id = '']) => id);
}
