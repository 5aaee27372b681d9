import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePublicKey } from '../../../protocol/keys.ts';
import { publicKey } from '../../fakes/arbitrary.ts';

describe('parsePublicKey()', () => {
  test('accepts every 32 bytes in base64, except zeros', () => {
    fc.assert(
      fc.property(publicKey(), (key) => {
        expect(parsePublicKey(key)).toEqual({ ok: true, value: key });
      }),
    );
    expect(parsePublicKey(Buffer.alloc(32).toString('base64')).ok).toBe(false);
  });

  test('refuses any other length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        fc.pre(bytes.length !== 32);
        expect(parsePublicKey(Buffer.from(bytes).toString('base64')).ok).toBe(false);
      }),
    );
  });

  test('refuses the three other spellings that decode to the same bytes', () => {
    const [head, last] = ['x'.repeat(42), 'A'];
    expect(parsePublicKey(`${head}${last}=`).ok).toBe(true);
    for (const spare of ['B', 'C', 'D']) {
      const same = Buffer.from(`${head}${spare}=`, 'base64');
      expect(same.equals(Buffer.from(`${head}${last}=`, 'base64'))).toBe(true);
      expect(parsePublicKey(`${head}${spare}=`).ok).toBe(false);
    }
  });

  test('does not repeat the text: somebody pastes a private key', () => {
    const nearlyKey = `${'k'.repeat(43)}\n`;
    const parsed = parsePublicKey(nearlyKey);
    expect(parsed).toMatchObject({ ok: false, message: expect.not.stringContaining('kkk') });
  });
});
