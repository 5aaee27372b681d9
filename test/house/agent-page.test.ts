/**
 * docs/agent.md is held against the commands, the metrics and the doctor, in both directions.
 *
 * @module
 */
import { describe, expect, test } from 'vitest';
import { CHECKS } from '../../agent/finding.ts';
import { METRICS } from '../../agent/metrics.ts';
import { textOf } from './tree.ts';

const PAGE = textOf('docs/agent.md');

describe('docs/agent.md', () => {
  test('has a row for every command, and no other', () => {
    const verbs = [...textOf('cli/agent.ts').matchAll(/addCommand\(noun, '([a-z-]+)/g)];
    const rows = [...PAGE.matchAll(/^\| `culvert agent ([a-z-]+)` \| .+ \|$/gm)];

    expect(rows.map(([, verb]) => verb)).toEqual(verbs.map(([, verb]) => verb));
    expect(verbs.length).toBeGreaterThan(5);
  });

  test('has a row for every metric with its type, labels and meaning, and no other', () => {
    const rows = [...PAGE.matchAll(/^\| `(culvert_\w+)` \| (\w+) \| (.+) \| (.+) \|$/gm)].map(
      ([, name, type, labels = '', help]) => ({ name, type, labels: quoted(labels), help }),
    );

    expect(rows).toEqual(
      METRICS.map(({ name, type, labels, help }) => ({ name, type, labels, help })),
    );
  });

  test('has a row for every finding of the doctor, and no other', () => {
    const section = PAGE.split(/^## /m).find((text) => text.startsWith('Doctor')) ?? '';
    const rows = [...section.matchAll(/^\| `([a-z-]+)` \| .+ \| .+ \|$/gm)];

    expect(rows.map(([, id]) => id)).toEqual(CHECKS);
  });
});

/** What stands in backticks. */
function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
}
