import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseName } from '../../../protocol/name.ts';

describe('parseName()', () => {
  test.each([['hq'], ['a'], ['7'], ['branch-2'], ['xn--caf-dma'], ['a'.repeat(63)]])(
    'accepts "%s"',
    (text) => {
      expect(parseName(text)).toEqual({ ok: true, value: text });
    },
  );

  test.each([[''], ['HQ'], ['-hq'], ['hq-'], ['h q'], ['hq\n'], ['hq.eu'], ['café'], ['h_q']])(
    'refuses "%s"',
    (text) => {
      expect(parseName(text)).toMatchObject({
        ok: false,
        message: expect.stringContaining('expected 1 to 63 of a-z, 0-9 and hyphens'),
      });
    },
  );

  test('is RFC 1123, said by counting and not by a pattern', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'az09-A_.'), maxLength: 70 }), (text) => {
        const isLabel =
          text.length >= 1 &&
          text.length <= 63 &&
          [...text].every((letter) => 'abcdefghijklmnopqrstuvwxyz0123456789-'.includes(letter)) &&
          !text.startsWith('-') &&
          !text.endsWith('-');
        expect(parseName(text).ok).toBe(isLabel);
      }),
    );
  });

  test('accepts no identifier, so that a reference is never both', () => {
    expect(parseName(`net_${'a'.repeat(20)}`).ok).toBe(false);
  });
});
