/**
 * Documents are held against what they describe.
 *
 * @module
 */
import { basename, posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PROBLEMS } from '../../protocol/problem.ts';
import { allFiles, isIn, textOf } from './tree.ts';

const FILES = allFiles();
const PAGES = FILES.filter((path) => path.endsWith('.md'));
const DECISIONS = FILES.filter((path) => isIn(path, 'docs/decisions/'));
const HEADINGS = ['Context', 'Choice', 'What it costs', 'When to look again'];

describe('docs/problems.md', () => {
  const documented = problemRows(textOf('docs/problems.md'));

  test('has a row for every code of the table, with its status, and no other', () => {
    const table = Object.entries(PROBLEMS).map(([code, { status }]) => ({ code, status }));
    const rows = documented.map(({ code, status }) => ({ code, status }));
    expect(rows.toSorted(byCode)).toEqual(table.toSorted(byCode));
  });

  test('says what each means and what to do', () => {
    for (const { code, meaning, remedy } of documented) {
      expect(meaning.length, code).toBeGreaterThan(15);
      expect(remedy.length, code).toBeGreaterThan(10);
    }
  });
});

describe('every page', () => {
  test.each(PAGES)('%s links to what there is', (path) => {
    expect(deadLinks(path, textOf(path))).toEqual([]);
  });

  test.each(PAGES)('%s names files that there are', (path) => {
    if (path === 'CHANGELOG.md') return expect(changelogVersions()).not.toEqual([]); // the past
    expect(missingFiles(textOf(path))).toEqual([]);
  });
});

describe('every decision', () => {
  test.each(DECISIONS)('%s is numbered and says context, choice, cost and when', (path) => {
    expect(decisionFaults(path, textOf(path))).toEqual([]);
  });

  test('has a number of its own, without a gap', () => {
    const numbers = DECISIONS.map((path) => Number(basename(path).slice(0, 4)));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(numbers.length).toBeGreaterThan(2);
  });
});

describe('CHANGELOG.md', () => {
  test('begins with the version of package.json', () => {
    expect(changelogVersions()[0]).toBe(JSON.parse(textOf('package.json')).version);
  });
});

describe('the rules refuse', () => {
  test('a dead link, and a dead anchor', () => {
    const text = [
      '# A page',
      '## Some words',
      '[a](gone.md) [b](../README.md) [c](#some-words) [d](#other) [e](https://example.org/x)',
      '[f](problems.md#what-a-request-can-get) [g](problems.md#gone)',
      '`[h](not-a-link.md)`',
    ].join('\n');
    expect(deadLinks('docs/page.md', text)).toEqual(['gone.md', '#other', 'problems.md#gone']);
  });

  test('a file in backticks that is not there', () => {
    const text =
      'See `protocol/net.ts`, `agent/plan*.ts`, `test/house`, `./scripts/gone --check`, ' +
      '`agent/gone.ts`, `protocol/{net,gone}.ts`, `10.1.0.0/16`, `application/json`.';
    expect(missingFiles(text)).toEqual(['scripts/gone', 'agent/gone.ts', 'protocol/gone.ts']);
  });

  test('a decision without a heading, or with a number that is not its own', () => {
    const good = textOf(DECISIONS[0] ?? '');
    const path = 'docs/decisions/0001-x.md';
    expect(decisionFaults(path, good)).toEqual([]);
    expect(decisionFaults(path, good.replace('## Choice', '## Chosen'))).toHaveLength(1);
    expect(decisionFaults('docs/decisions/0002-x.md', good)).toHaveLength(1);
    expect(decisionFaults('docs/decisions/x.md', good)).toHaveLength(1);
    expect(decisionFaults(path, good.replace(/(## Choice\n)[^#]*/, '$1\n'))).toHaveLength(1);
  });

  test('a problem without a row', () => {
    expect(problemRows('| code | status |\n|---|---|\n| `a-b` | 400 | x | y |')).toEqual([
      { code: 'a-b', status: 400, meaning: 'x', remedy: 'y' },
    ]);
  });
});

type ProblemRow = { code: string; status: number; meaning: string; remedy: string };

function problemRows(text: string): ProblemRow[] {
  return [...text.matchAll(/^\| `([a-z-]+)` \| (\d+) \| (.+?) \| (.+?) \|$/gm)].map(
    ([, code = '', status, meaning = '', remedy = '']) => {
      return { code, status: Number(status), meaning, remedy };
    },
  );
}

function byCode(a: { code: string }, b: { code: string }): number {
  return a.code < b.code ? -1 : 1;
}

function deadLinks(path: string, text: string): string[] {
  const prose = text.replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, '');
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? path : posix.join(posix.dirname(path), file);
    const isThere = file === '' || isFileOrFolder(target);
    if (!isThere || anchor === undefined) return !isThere;
    return !anchorsOf(file === '' ? text : textOf(target)).includes(anchor);
  });
}

/** As the usual forges make them from headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Paths in backticks that begin with one of our folders; options behind them do not count. */
function missingFiles(text: string): string[] {
  const folders = [...new Set(FILES.filter(isDeep).map((path) => path.split('/')[0] ?? ''))];
  const quoted = [...text.matchAll(/`([^`\n]+)`/g)].map(([, words = '']) => words);
  return quoted
    .map((words) => (words.split(' ')[0] ?? '').replace(/^\.\//, ''))
    .filter(
      (path) => folders.includes(path.split('/')[0] ?? '') && isDeep(path) && !path.endsWith(':'),
    )
    .flatMap(alternatives)
    .filter((path) => !isFileOrFolder(path) && !FILES.some((file) => isIn(file, path)));
}

function isDeep(path: string): boolean {
  return path.includes('/');
}

/** `a/{b,c}.ts` is two. */
function alternatives(path: string): string[] {
  const [, head = '', inner, tail = ''] = /^(.*)\{(.*)\}(.*)$/.exec(path) ?? [];
  return inner === undefined ? [path] : inner.split(',').map((part) => `${head}${part}${tail}`);
}

function isFileOrFolder(path: string): boolean {
  const plain = path.replace(/\/$/, '');
  return FILES.includes(plain) || FILES.some((file) => file.startsWith(`${plain}/`));
}

function decisionFaults(path: string, text: string): string[] {
  const [, number] = /^(\d{4})-[a-z0-9-]+\.md$/.exec(basename(path)) ?? [];
  const title = new RegExp(`^# ${Number(number)}\\. \\S`);
  const sections = new Map(
    text
      .split(/^## /m)
      .slice(1)
      .map((section) => [
        section.split('\n')[0] ?? '',
        section.split('\n').slice(1).join('').trim(),
      ]),
  );
  return [
    ...(title.test(text) ? [] : [`does not begin with "# ${Number(number)}. "`]),
    ...HEADINGS.filter((heading) => (sections.get(heading) ?? '') === '').map(
      (heading) => `has nothing under "## ${heading}"`,
    ),
  ];
}

function changelogVersions(): string[] {
  return [...textOf('CHANGELOG.md').matchAll(/^## (\d+\.\d+\.\d+)/gm)].map(
    ([, version = '']) => version,
  );
}
