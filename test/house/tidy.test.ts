/**
 * Rules of style that a program can check, so that a review is about something else. Each is
 * a function from a file to complaints, and is shown a bad example.
 *
 * @module
 */
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allFiles, allSources, CHECKOUT, isTest, type Source, sourceOf, textOf } from './tree.ts';

const MAX_COLUMNS = 100;
const MAX_LINES = 460;

/** Files that may be longer, and why two would be worse. */
const LONG_FILES: ReadonlyMap<string, string> = new Map();

/** Read by a tool that wants it so. */
const DEFAULT_EXPORTS: readonly string[] = ['vitest.config.ts'];

type Rule = (source: Source) => string[];

/** Links cannot be broken. In tests, titles and expected output are read best in one piece. */
const wideLines: Rule = (source) =>
  source.text
    .split('\n')
    .filter((line) => !/https?:\/\//.test(line))
    .filter((line) => [...(isInTests(source) ? withoutTexts(line) : line)].length > MAX_COLUMNS)
    .map((line) => `is wider than ${MAX_COLUMNS} columns: ${line.trim()}`);

const longFile: Rule = ({ path, text }) =>
  text.split('\n').length > MAX_LINES && !LONG_FILES.has(path)
    ? [`is longer than ${MAX_LINES} lines`]
    : [];

const defaultExport: Rule = ({ path, code }) =>
  DEFAULT_EXPORTS.includes(path) ? [] : found(code, /\bexport default\b|\bas default\b/);

/** Biome asks for the reason where it is let through. */
const anyType: Rule = ({ code, text }) =>
  text.includes('biome-ignore lint/suspicious/noExplicitAny: ')
    ? []
    : found(code, /(?::|\bas|<|\||&|=)\s*any\b(?!\s*[(.:])/);

const barrel: Rule = ({ text }) =>
  found(text, /^export\s+(?:type\s+)?(?:\*|\{[^}]*\})(?:\s+as\s+\w+)?\s+from\b/m);

const postponed: Rule = ({ text }) => found(text, /\b(?:TO(?:DO)|FIX(?:ME)|XX(?:X))\b/);

const chosenTests: Rule = ({ code }) =>
  found(code, /\b(?:test|it|describe)(?:\.\w+)*\.(?:only|skip|todo|skipIf|runIf|fails)\b/);

const moduleComment: Rule = (source) => {
  if (isTest(source) || DEFAULT_EXPORTS.includes(source.path)) return [];
  const comment = /^(?:#![^\n]*\n)?\/\*\*[\s\S]*?\*\//.exec(source.text)?.[0] ?? '';
  const isSaid = isInTests(source) ? comment !== '' : comment.includes('@module');
  return isSaid ? [] : ['has no module comment on top'];
};

const vagueName: Rule = ({ path }) =>
  found(basename(path), /(?:^|[-.])(?:utils?|helpers?|managers?|common|misc|index)(?=[-.])/);

const importWithoutEnding: Rule = ({ imports }) =>
  imports
    .filter(({ target }) => target !== undefined && !/\.(?:ts|json)$/.test(target))
    .map(({ specifier }) => `imports "${specifier}" without its ending`);

/** Of this machine: where packages came from, where the checkout lies. For every file. */
function madeOnOneMachine(text: string): string[] {
  return found(text, new RegExp(ONE_MACHINE.map(({ source }) => source).join('|')));
}

const ONE_MACHINE = [
  /https?:\/\/(?:registry|npm|proxy|artifactory|nexus|mirror)[\w-]*\.[\w.-]+/,
  /\bregistry[.]\w+[.](?:org|com|net|io)\b/,
  new RegExp(`${escapeRegExp(CHECKOUT)}\\b`),
  new RegExp(`(?<![\\w.~$}-])/(?:${['work', 'home', 'Users'].join('|')})/[\\w.-]+/`),
];

const RULES: readonly [string, Rule][] = [
  ['no line is too wide', wideLines],
  ['no file is too long', longFile],
  ['nothing is exported as default', defaultExport],
  ['nothing is of type any', anyType],
  ['nothing is exported again from elsewhere', barrel],
  ['nothing is left for later', postponed],
  ['no test is left out or chosen', chosenTests],
  ['every file says what it promises', moduleComment],
  ['no file has a name that says nothing', vagueName],
  ['every relative import has its ending', importWithoutEnding],
];

const SOURCES = allSources();

describe('every TypeScript file', () => {
  test.each(RULES)('%s', (_, rule) => {
    expect(SOURCES.length).toBeGreaterThan(50);
    expect(faults(rule)).toEqual([]);
  });
});

describe('every file', () => {
  test('is the same on any machine', () => {
    const texts = allFiles().map((path) => ({ path, faults: madeOnOneMachine(textOf(path)) }));
    expect(texts.filter((file) => file.faults.length > 0)).toEqual([]);
    expect(textOf('package-lock.json')).not.toContain('"resolved": "http');
  });
});

describe('the exceptions', () => {
  test('are needed', () => {
    const paths = SOURCES.map((source) => source.path);
    for (const [path, because] of LONG_FILES) {
      expect(textOf(path).split('\n').length, path).toBeGreaterThan(MAX_LINES);
      expect(because.length).toBeGreaterThan(20);
    }
    for (const path of DEFAULT_EXPORTS) expect(paths).toContain(path);
  });
});

describe('the rules refuse', () => {
  test.each<[Rule, string, string]>([
    [wideLines, 'agent/x.ts', `const a = '${'x'.repeat(100)}';`],
    [wideLines, 'test/x.ts', `// ${'x'.repeat(100)}`],
    [longFile, 'agent/x.ts', '\n'.repeat(MAX_LINES)],
    [defaultExport, 'agent/x.ts', 'export default 1;'],
    [defaultExport, 'agent/x.ts', 'export { a as default };'],
    [anyType, 'agent/x.ts', 'let a: any;'],
    [anyType, 'agent/x.ts', 'const a = b as any;'],
    [anyType, 'agent/x.ts', 'const a = new Map<any, string>();'],
    [anyType, 'agent/x.ts', 'function a(b: any[]) {}'],
    [barrel, 'agent/x.ts', "export * from './y.ts';"],
    [barrel, 'agent/x.ts', "export * as y from './y.ts';"],
    [barrel, 'agent/x.ts', "export { y } from './y.ts';"],
    [barrel, 'agent/x.ts', "export type { Y } from './y.ts';"],
    [postponed, 'agent/x.ts', `// ${'TO'}${'DO'}: later`],
    [postponed, 'agent/x.ts', `// ${'FIX'}${'ME'}`],
    [chosenTests, 'test/x.test.ts', "test.only('a', () => {});"],
    [chosenTests, 'test/x.test.ts', "describe.skip('a', () => {});"],
    [chosenTests, 'test/x.test.ts', "test.concurrent.skip('a', () => {});"],
    [chosenTests, 'test/x.test.ts', "it.skipIf(isRoot)('a', () => {});"],
    [moduleComment, 'agent/x.ts', 'export const a = 1;'],
    [moduleComment, 'test/x.ts', 'export const a = 1;'],
    [moduleComment, 'agent/x.ts', '/** A. */\nexport const a = 1;'],
    [vagueName, 'agent/utils.ts', ''],
    [vagueName, 'agent/peer-helper.ts', ''],
    [vagueName, 'agent/index.ts', ''],
    [vagueName, 'agent/misc-types.ts', ''],
    [importWithoutEnding, 'agent/x.ts', "import { y } from './y';"],
    [importWithoutEnding, 'agent/x.ts', "import { y } from './y.js';"],
  ])('%o in %s: %s', (rule, path, text) => {
    expect(rule(sourceOf(path, text))).toHaveLength(1);
  });

  test('what is of one machine', () => {
    const host = ['registry', 'example', 'org'].join('.');
    expect(madeOnOneMachine(`see https://${host}/x`)).toHaveLength(1);
    expect(madeOnOneMachine(`host = ${host}`)).toHaveLength(1);
    expect(madeOnOneMachine(`cd ${CHECKOUT}`)).toHaveLength(1);
    expect(madeOnOneMachine(['', 'home', 'somebody', 'culvert'].join('/'))).toHaveLength(1);
    expect(madeOnOneMachine('/var/lib/culvert/agent and ./scripts/demo')).toEqual([]);
  });

  test('and let pass what only looks like it', () => {
    const text = [
      '/**',
      ' * Any peer. https://example.org/a/very/long/link/that/nobody/can/break/in/two/without/harm/at/all',
      ' *',
      ' * @module',
      ' */',
      "import { any } from './any.ts';",
      "export const text = 'let a: any; export default 1';",
      'export { text as words };',
      'test.each([1])(text, () => any());',
    ].join('\n');
    const source = sourceOf('agent/companion.ts', text);
    expect(RULES.flatMap(([, rule]) => rule(source))).toEqual([]);
  });
});

function faults(rule: Rule): string[] {
  return SOURCES.flatMap((source) => rule(source).map((fault) => `${source.path}: ${fault}`));
}

function isInTests({ path }: Source): boolean {
  return path.startsWith('test/');
}

function withoutTexts(line: string): string {
  return line.replaceAll(/'[^']*'|"[^"]*"|`[^`]*`/g, "''");
}

function found(text: string, pattern: RegExp): string[] {
  const match = pattern.exec(text);
  return match === null ? [] : [`has "${match[0].trim()}"`];
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
