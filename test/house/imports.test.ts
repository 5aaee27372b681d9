/**
 * Holds every file against the tables of `import-rules.ts`.
 *
 * @module
 */
import { describe, expect, test } from 'vitest';
import {
  type Door,
  ENVIRONMENT_READERS,
  LAYERS,
  NODE_DOORS,
  PACKAGE_DOORS,
  PURE,
  WITHOUT_EFFECT,
} from './import-rules.ts';
import { allFiles, allSources, isIn, type Source, sourceOf, textOf } from './tree.ts';

const SOURCES = allSources();

describe('every file', () => {
  test('imports only what its folder may', () => {
    expect(SOURCES.flatMap(layerFaults)).toEqual([]);
  });

  test('imports foreign packages only where their door is', () => {
    expect(SOURCES.flatMap((source) => doorFaults(source, PACKAGE_DOORS))).toEqual([]);
  });

  test('imports modules of Node only where their effect is', () => {
    expect(SOURCES.flatMap((source) => doorFaults(source, NODE_DOORS))).toEqual([]);
  });

  test('reads the environment only where settings are', () => {
    expect(SOURCES.flatMap(environmentFaults)).toEqual([]);
  });
});

describe('pure files', () => {
  test('reach no effect, by whichever way', () => {
    expect(pureFaults(SOURCES)).toEqual([]);
  });

  test('take no clock, timer or randomness from the air', () => {
    const pure = SOURCES.filter(isPure);
    expect(pure.length).toBeGreaterThan(20);
    expect(pure.flatMap(ambientFaults)).toEqual([]);
  });
});

describe('the tables', () => {
  const files = allFiles();

  test('name a door for every package in package.json, and no other', () => {
    const { dependencies, devDependencies } = JSON.parse(textOf('package.json'));
    const installed = Object.keys({ ...dependencies, ...devDependencies });
    const tools = ['typescript', '@biomejs/biome']; // started, not imported
    const imported = installed.filter((name) => !name.startsWith('@types/'));
    expect(imported.filter((name) => !tools.includes(name)).sort()).toEqual(
      PACKAGE_DOORS.map((door) => door.name).sort(),
    );
  });

  test.each(PACKAGE_DOORS.map((door): [string, Door] => [door.name, door]))(
    'have a door for %s that is used',
    (name, door) => {
      for (const place of door.to) {
        const users = SOURCES.filter((source) => isIn(source.path, place));
        const isUsed = users.some(({ imports }) =>
          imports.some((one) => isOf(one.specifier, name)),
        );
        expect(isUsed, `${place} imports ${name}`).toBe(true);
      }
    },
  );

  test('name only places that there are, each with a reason', () => {
    const places = [
      ...LAYERS.flatMap((layer) => [layer.in, ...layer.ours, ...(layer.lazily ?? [])]),
      ...[...PACKAGE_DOORS, ...NODE_DOORS].flatMap((door) => door.to),
      ...PURE,
    ];
    const empty = places.filter((place) => !files.some((path) => isIn(path, place)));
    expect(empty).toEqual([]);
    const reasons = [...LAYERS, ...PACKAGE_DOORS, ...NODE_DOORS].map((row) => row.because);
    expect(reasons.filter((because) => because.length < 10)).toEqual([]);
  });
});

describe('the rules refuse', () => {
  test.each([
    ['agent/x.ts', "import { a } from '../control-plane/model/types.ts';"],
    ['agent/x.ts', "import type { A } from '../control-plane/model/types.ts';"],
    ['control-plane/x.ts', "import { plan } from '../agent/plan.ts';"],
    ['control-plane/model/x.ts', "import { Store } from '../store/store.ts';"],
    ['protocol/x.ts', "import { a } from '../agent/state.ts';"],
    ['agent/kernel/x.ts', "import { plan } from '../plan.ts';"],
    ['cli/site.ts', "const { serve } = await import('../control-plane/serve.ts');"],
    ['cli/agent.ts', "import { joinCommand } from '../agent/commands.ts';"],
    ['elsewhere/x.ts', "import { a } from './y.ts';"],
  ])('in %s: %s', (path, text) => {
    expect(layerFaults(sourceOf(path, text))).toHaveLength(1);
  });

  test('a foreign package, or a module of Node, beside its door', () => {
    const ws = sourceOf('agent/join.ts', "import { WebSocket } from 'ws';");
    expect(doorFaults(ws, PACKAGE_DOORS)).toHaveLength(1);
    const unknown = sourceOf('agent/join.ts', "import { pad } from 'left-pad';");
    expect(doorFaults(unknown, PACKAGE_DOORS)).toHaveLength(1);
    const shell = sourceOf('agent/loop.ts', "import { exec } from 'node:child_process';");
    expect(doorFaults(shell, NODE_DOORS)).toHaveLength(1);
    const files = sourceOf('agent/plan.ts', "import { readFile } from 'node:fs/promises';");
    expect(doorFaults(files, NODE_DOORS)).toHaveLength(1);
  });

  test('a pure file that reaches an effect through another', () => {
    const sources = [
      sourceOf('agent/plan.ts', "import { read } from './near.ts';"),
      sourceOf('agent/near.ts', "import { run } from './kernel/run.ts';"),
      sourceOf('agent/kernel/run.ts', "import { spawn } from 'node:child_process';"),
    ];
    expect(pureFaults(sources)).toEqual([
      'agent/plan.ts reaches node:child_process by agent/near.ts by agent/kernel/run.ts',
    ]);
    const types = [sourceOf('agent/plan.ts', "import type { Run } from './kernel/run.ts';")];
    expect(pureFaults([...types, ...sources.slice(2)])).toEqual([]);
  });

  test.each([
    ['const now = Date.now();'],
    ['const now = new Date();'],
    ['const id = Math.random();'],
    ['setTimeout(wake, 5);'],
    ['process.exit(1);'],
    ['console.log(plan);'],
    ['await fetch(url);'],
    ['crypto.randomUUID();'],
    ["import { createHash, randomBytes } from 'node:crypto';"],
  ])('in a pure file: %s', (text) => {
    expect(ambientFaults(sourceOf('agent/plan.ts', text))).toHaveLength(1);
  });

  test('the environment outside of settings', () => {
    expect(environmentFaults(sourceOf('agent/x.ts', "process.env['HOME']"))).toHaveLength(1);
  });
});

function layerFaults({ path, imports }: Source): string[] {
  const targets = imports.filter(({ target }) => target !== undefined);
  const layer = LAYERS.filter((row) => isIn(path, row.in)).sort(
    (a, b) => b.in.length - a.in.length,
  )[0];
  return targets
    .filter(({ target = '', isLazy }) => {
      const allowed = [...(layer?.ours ?? []), ...(isLazy ? (layer?.lazily ?? []) : [])];
      return !allowed.some((place) => isIn(target, place));
    })
    .map(({ target }) => `${path} may not import ${target}: ${layer?.because ?? 'it has no row'}`);
}

function doorFaults({ path, imports }: Source, doors: readonly Door[]): string[] {
  const isAboutNode = doors.some((door) => door.name.startsWith('node:'));
  return imports
    .filter(({ specifier, target }) => {
      return target === undefined && specifier.startsWith('node:') === isAboutNode;
    })
    .filter(({ isType }) => !(isAboutNode && isType)) // a type has no effect
    .filter(({ specifier }) => !isFreeToTests(path, specifier))
    .filter(({ specifier }) => {
      const door = doors.find(({ name }) => isOf(specifier, name));
      return !(door?.to ?? []).some((place) => isIn(path, place));
    })
    .map(({ specifier }) => `${path} is no door of ${specifier}`);
}

/** Tests and scripts look at anything that is installed; children have one door there, too. */
function isFreeToTests(path: string, specifier: string): boolean {
  if (!isIn(path, 'test/') && !isIn(path, 'scripts/')) return false;
  if (specifier === 'node:child_process') return false;
  return specifier.startsWith('node:') || PACKAGE_DOORS.some(({ name }) => isOf(specifier, name));
}

/** `node:fs/promises` is of `node:fs`. */
function isOf(specifier: string, name: string): boolean {
  return specifier === name || specifier.startsWith(`${name}/`);
}

function isPure({ path }: Source): boolean {
  return PURE.some((place) => isIn(path, place));
}

/** Follows the imports that remain at run time. */
function pureFaults(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  return sources.filter(isPure).flatMap((start) => {
    const wayTo = new Map<string, readonly string[]>([[start.path, []]]);
    for (const [path, way] of wayTo) {
      for (const { specifier, target, isType } of byPath.get(path)?.imports ?? []) {
        if (isType || WITHOUT_EFFECT.some((name) => isOf(specifier, name))) continue;
        if (target === undefined) {
          return [`${start.path} reaches ${specifier}${way.map((at) => ` by ${at}`).join('')}`];
        }
        if (!wayTo.has(target)) wayTo.set(target, [...way, target]);
      }
    }
    return [];
  });
}

const AMBIENT = new RegExp(
  [
    /\bDate\.now\b|\bnew Date\(\)|\bperformance\./,
    /\bset(?:Timeout|Interval|Immediate)\b/,
    /\bMath\.random\b|\bcrypto\.|\brandomUUID\b/,
    /\bprocess\.|\bconsole\.|\bfetch\(/,
  ]
    .map(({ source }) => source)
    .join('|'),
);

/** Of node:crypto everything else has randomness or keys in it. */
const NOT_A_HASH = /\bimport \{(?! createHash \})[^}]*\} from 'node:crypto'/;

function ambientFaults({ path, code, text }: Source): string[] {
  const found = AMBIENT.exec(code) ?? NOT_A_HASH.exec(text);
  return found === null ? [] : [`${path} takes "${found[0]}" from the air`];
}

function environmentFaults({ path, code }: Source): string[] {
  const isReader = ENVIRONMENT_READERS.some((door) => door.to.some((place) => isIn(path, place)));
  return !isReader && /\bprocess\.env\b/.test(code) ? [`${path} reads the environment`] : [];
}
