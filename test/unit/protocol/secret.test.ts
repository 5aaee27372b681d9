import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../protocol/secret.ts';

const TEXT = 'correct-horse-battery-staple';
const SECRET = new Secret(TEXT);

describe('Secret', () => {
  test('reveals its text when asked by name', () => {
    expect(SECRET.reveal()).toBe(TEXT);
  });

  test.each<[string, () => string]>([
    ['String()', () => String(SECRET)],
    ['a template', () => `${SECRET}`],
    // biome-ignore lint/style/useTemplate: this is the conversion under test
    ['concatenation', () => 'x' + SECRET],
    ['toLocaleString()', () => SECRET.toLocaleString()],
    ['JSON', () => JSON.stringify({ deep: [SECRET] })],
    ['JSON with indent', () => JSON.stringify(SECRET, null, 2)],
    ['inspect()', () => inspect(SECRET)],
    ['inspect() of what holds it', () => inspect({ deep: { deeper: [SECRET] } }, { depth: 9 })],
    ['inspect() with everything shown', () => inspect(SECRET, { showHidden: true, depth: 9 })],
    ['inspect() past the hook', () => inspect(SECRET, { customInspect: false, showHidden: true })],
    ['format()', () => format('%s %o %O %j', SECRET, SECRET, SECRET, SECRET)],
    ['an error that holds it', () => inspect(new Error('failed', { cause: SECRET }))],
    ['its own names', () => inspect(Object.getOwnPropertyDescriptors(SECRET))],
    ['entries', () => JSON.stringify(Object.entries(SECRET))],
    ['a spread copy', () => inspect({ ...SECRET })],
    ['a structured clone', () => inspect(structuredClone(SECRET))],
    ['serialization', () => serialize(SECRET).toString('latin1')],
    ['console.log', () => logged((log) => log.log(SECRET, { secret: SECRET }))],
    ['console.dir', () => logged((log) => log.dir({ secret: SECRET }, { showHidden: true }))],
    ['console.table', () => logged((log) => log.table([{ secret: SECRET }]))],
  ])('is not seen through %s', (_, print) => {
    expect(print()).not.toContain(TEXT);
  });

  test('says that it is one wherever it stands for text', () => {
    expect(`${SECRET}`).toBe('[secret]');
    expect(JSON.stringify({ SECRET })).toBe('{"SECRET":"[secret]"}');
    expect(inspect({ SECRET })).toBe('{ SECRET: [secret] }');
  });
});

function logged(print: (log: Console) => void): string {
  const chunks: string[] = [];
  const sink = new Writable({
    write(chunk, _, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  print(new Console(sink));
  expect(chunks.join('')).not.toBe('');
  return chunks.join('');
}
