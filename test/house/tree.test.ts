import { describe, expect, test } from 'vitest';
import { allFiles, allSources, isIn, sourceOf } from './tree.ts';

describe('sourceOf()', () => {
  test('finds every kind of import, and none in comments and texts', () => {
    const text = [
      "import 'reflect-metadata';",
      "import { a, type B } from './near.ts';",
      "import type { C } from '../control-plane/far.ts';",
      "import { type D, type E } from './types.ts';",
      'import {',
      '  f,',
      "} from 'ws';",
      "export { g } from './barrel.ts';",
      "const lazy = await import('./lazy.ts');",
      "// import { h } from './comment.ts';",
      '/* import',
      "   './comment.ts' */",
      "const text = `import './text.ts'`;",
      'const pattern = /[\'"]/; // the quotes above begin nothing',
      "import { last } from './last.ts';",
    ].join('\n');
    expect(sourceOf('agent/x.ts', text).imports).toMatchObject([
      { specifier: 'reflect-metadata', target: undefined, isType: false, isLazy: false },
      { target: 'agent/near.ts', isType: false },
      { target: 'control-plane/far.ts', isType: true },
      { target: 'agent/types.ts', isType: true },
      { specifier: 'ws', isType: false },
      { target: 'agent/barrel.ts' },
      { target: 'agent/last.ts' },
      { target: 'agent/lazy.ts', isLazy: true },
    ]);
  });

  test('blanks comments, texts and patterns, and keeps lines and code', () => {
    const text =
      "const a = 'words'; // any\nconst b = x / 2 / y;\nconst c = /any'/g;\nlet d: any;\n";
    const { code } = sourceOf('agent/x.ts', text);
    expect(code.split('\n')).toHaveLength(5);
    expect(code).not.toContain('words');
    expect(code).toContain('const b = x / 2 / y;');
    expect(code.match(/\bany\b/g)).toHaveLength(1);
  });
});

describe('isIn()', () => {
  test('knows folders, files and one star', () => {
    expect(isIn('agent/kernel/run.ts', 'agent/')).toBe(true);
    expect(isIn('agent-two/run.ts', 'agent/')).toBe(false);
    expect(isIn('agent/plan-peers.ts', 'agent/plan*.ts')).toBe(true);
    expect(isIn('agent/kernel/plan.ts', 'agent/*.ts')).toBe(false);
    expect(isIn('agent/plan.ts', 'agent/plan.ts')).toBe(true);
  });
});

describe('allSources()', () => {
  test('finds this file, and nothing that is not ours', () => {
    expect(allSources().map((source) => source.path)).toContain('test/house/tree.test.ts');
    expect(allFiles().some((path) => path.includes('node_modules'))).toBe(false);
    expect(allFiles()).toContain('package.json');
  });
});
