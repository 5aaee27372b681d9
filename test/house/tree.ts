/**
 * The files of this checkout as the house rules see them. Reads the folder and not git: a rule
 * is broken when the file is written, and an unpacked archive has no git.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';

export const CHECKOUT = dirname(dirname(import.meta.dirname));

export type Import = {
  /** As it is written. */
  readonly specifier: string;
  /** For relative ones: the path from the root of the checkout. */
  readonly target: string | undefined;
  /** Erased before it runs. */
  readonly isType: boolean;
  /** `import()`: only loaded when it is reached. */
  readonly isLazy: boolean;
};

export type Source = {
  /** From the root of the checkout, with "/". */
  readonly path: string;
  readonly text: string;
  /** The text with comments and what stands in quotes made blank, line for line. */
  readonly code: string;
  readonly imports: readonly Import[];
};

/** Not ours, or made by a run. */
const PASSED_OVER = new Set(['.git', 'node_modules', '.cache', 'package-lock.json']);

/** Every file of the checkout, by path. */
export function allFiles(folder = ''): string[] {
  return readdirSync(join(CHECKOUT, folder), { withFileTypes: true })
    .filter(({ name }) => !PASSED_OVER.has(name) && !name.endsWith('.log'))
    .flatMap((entry) => {
      const path = posix.join(folder, entry.name);
      return entry.isDirectory() ? allFiles(path) : [path];
    })
    .sort();
}

export function textOf(path: string): string {
  return readFileSync(join(CHECKOUT, path), 'utf8');
}

export function allSources(): Source[] {
  return allFiles()
    .filter((path) => path.endsWith('.ts'))
    .map((path) => sourceOf(path, textOf(path)));
}

/** Also for text that is no file: the bad example that a rule must refuse. */
export function sourceOf(path: string, text: string): Source {
  return { path, text, code: blank(text), imports: importsOf(path, text) };
}

/** True when the file stands in the folder ("agent/"), is the file, or fits its one "*". */
export function isIn(path: string, place: string): boolean {
  if (place.endsWith('/')) return path.startsWith(place);
  const [head = '', tail] = place.split('*');
  if (tail === undefined) return path === place;
  const isNear = !path.slice(head.length, path.length - tail.length).includes('/');
  return path.startsWith(head) && path.endsWith(tail) && isNear;
}

export function isTest({ path }: Source): boolean {
  return basename(path).endsWith('.test.ts');
}

/** Static, re-exporting and lazy imports; comments do not count. */
function importsOf(path: string, text: string): Import[] {
  const code = blank(text, { keepQuoted: true });
  const isStatement =
    /^(?:import|export)\s+(?:(?<words>[\w\s{},*]*?)\s*\bfrom\s+)?'(?<from>[^'\n]+)'/gm;
  const isCall = /\bimport\(\s*'(?<from>[^'\n]+)'\s*\)/g;
  return [
    ...[...code.matchAll(isStatement)].map(({ groups }) => ({
      ...named(path, groups?.from ?? ''),
      isType: /^\s*type\b/.test(groups?.words ?? '') || isAllTypes(groups?.words ?? ''),
      isLazy: false,
    })),
    ...[...code.matchAll(isCall)].map(({ groups }) => ({
      ...named(path, groups?.from ?? ''),
      isType: false,
      isLazy: true,
    })),
  ];
}

/** `{ type A, type B }` keeps the import at run time, but of nothing. */
function isAllTypes(words: string): boolean {
  const names = /^\s*\{(?<names>[^}]*)\}\s*$/.exec(words)?.groups?.names?.split(',') ?? [];
  const written = names.map((name) => name.trim()).filter((name) => name !== '');
  return written.length > 0 && written.every((name) => name.startsWith('type '));
}

function named(path: string, specifier: string) {
  const isRelative = specifier.startsWith('.');
  const target = isRelative ? posix.join(posix.dirname(path), specifier) : undefined;
  return { specifier, target };
}

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//;
const QUOTED = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/;
/** A pattern stands where a value may begin; a division stands behind one. */
const PATTERN_PLACE = /(?<=[(,=:[!&|?{};\n]\s*|\breturn\s)/;
const PATTERN = /\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\//;
const LEXEME = new RegExp(
  `(?<comment>${COMMENT.source})|${QUOTED.source}|${PATTERN_PLACE.source}${PATTERN.source}`,
  'g',
);

function blank(text: string, { keepQuoted = false } = {}): string {
  return text.replace(LEXEME, (lexeme, comment: string | undefined) =>
    keepQuoted && comment === undefined ? lexeme : lexeme.replaceAll(/[^\n]/g, ' '),
  );
}
