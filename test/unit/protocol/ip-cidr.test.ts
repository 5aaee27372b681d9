import fc from 'fast-check';
import IPCIDR from 'ip-cidr';
import { describe, expect, test } from 'vitest';
import { checkOperatorPrefix } from '../../../protocol/ip-cidr.ts';
import { canonicalAddress, networkAddress, parsePrefix } from '../../../protocol/net.ts';
import { densePrefix } from '../../fakes/arbitrary.ts';
import { bitString } from '../../fakes/slow-prefix-table.ts';

describe('checkOperatorPrefix()', () => {
  test('accepts what both parsers read as one network', () => {
    fc.assert(
      fc.property(fc.oneof(densePrefix(4), densePrefix(6)), (text) => {
        fc.pre(!isInMapped(text));
        expect(checkOperatorPrefix(text)).toEqual({ ok: true, value: text });
        const start = canonicalAddress(new IPCIDR(text).start<string>());
        expect(start).toBe(networkAddress(text));
      }),
    );
  });

  test('refuses by name what ip-cidr reads as another network', () => {
    expect(parsePrefix('::ffff:10.0.0.0/104').ok).toBe(true);
    expect(checkOperatorPrefix('::ffff:10.0.0.0/104')).toEqual({
      ok: false,
      message: '"::ffff:10.0.0.0/104" is ambiguous: ip-cidr reads it as a prefix of 10.0.0.0',
    });
  });

  test.each([['10.0.0.1/8'], ['10.0.0.0/08'], ['fe80::1%eth0/64'], ['10.0.0.0'], ['']])(
    'refuses "%s" in the words of our parser, also where ip-cidr would take it',
    (text) => {
      expect(checkOperatorPrefix(text)).toEqual(parsePrefix(text));
      expect(checkOperatorPrefix(text).ok).toBe(false);
    },
  );

  test('never throws', () => {
    const nearly = fc.string({ unit: fc.constantFrom(...'0123456789abcdef:./%f'), maxLength: 24 });
    fc.assert(
      fc.property(fc.oneof(fc.string(), nearly), (text) => {
        const checked = checkOperatorPrefix(text);
        expect(checked.ok ? checked.value : checked.message).toBeTypeOf('string');
      }),
    );
  });
});

function isInMapped(text: string): boolean {
  const [at = ''] = text.split('/');
  return at.includes(':') && bitString(at).slice(0, 96) === `${'0'.repeat(80)}${'1'.repeat(16)}`;
}
