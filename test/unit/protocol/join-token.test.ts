import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatJoinToken, parseJoinToken } from '../../../protocol/join-token.ts';
import { Secret } from '../../../protocol/secret.ts';

const URLS = ['https://203.0.113.1:8444', 'https://[2001:db8::1]:8444'];
const FINGERPRINT = 'ab'.repeat(32);
const SECRET = randomBytes(32).toString('base64url');
const TOKEN = tokenOf(URLS);

describe('parseJoinToken()', () => {
  test('gives back what formatJoinToken() was given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(65_535), (raw, port) => {
        const text = Buffer.from(raw).toString('base64url');
        const urls = [...URLS, `https://culvert.example:${port}`];
        const token = { urls, authorityFingerprint: FINGERPRINT, secret: new Secret(text) };
        const parsed = parseJoinToken(formatJoinToken(token));
        expect(parsed.ok && parsed.value).toMatchObject({
          urls,
          authorityFingerprint: FINGERPRINT,
        });
        expect(parsed.ok && parsed.value.secret.reveal()).toBe(text);
      }),
    );
  });

  test('takes the line with the spaces and line ends that copying adds', () => {
    expect(parseJoinToken(`  ${TOKEN}\r\n`).ok).toBe(true);
  });

  test.each([
    [''],
    ['culvert-join-1'],
    ['culvert-join-2.e30'],
    ['culvert-api-1.e30'],
    [`${TOKEN}${'A'.repeat(5000)}`],
  ])('refuses what is not a token and names where one comes from', (text) => {
    expect(parseJoinToken(text)).toEqual({
      ok: false,
      message:
        'not a join token; expected the line that "culvert token create" printed, ' +
        '"culvert-join-1.…"',
    });
  });

  test.each([
    ['http://203.0.113.1'],
    ['https://'],
    ['https://203.0.113.1/v1'],
    ['https://operator@203.0.113.1'],
    ['https://203.0.113.1?x'],
    ['https://203.0.113.1#x'],
    ['https://203.0.113.1 '],
    ['https://203.0.113.1:99999'],
    ['https://203.0.113.1\n'],
    ['https://[::1'],
  ])('refuses the URL "%s"', (url) => {
    expect(parseJoinToken(tokenOf([url])).ok).toBe(false);
  });

  test('refuses a body with a member too many or a wrong one', () => {
    const body = { urls: URLS, authority: FINGERPRINT, secret: SECRET };
    expect(parseJoinToken(tokenOfBody(body)).ok).toBe(true);
    for (const wrong of [
      { ...body, extra: 1 },
      { ...body, urls: [] },
      { ...body, authority: FINGERPRINT.toUpperCase() },
      { ...body, secret: SECRET.slice(1) },
      [body],
      null,
    ]) {
      expect(parseJoinToken(tokenOfBody(wrong)).ok).toBe(false);
    }
  });

  test('refuses every token that is cut short', () => {
    for (let length = 0; length < TOKEN.length; length++) {
      expectRefusal(TOKEN.slice(0, length));
    }
  });

  test('never throws and never repeats the secret, whichever bits are turned', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), (places) => {
        const bytes = Buffer.from(TOKEN);
        for (const place of places) {
          const index = place % bytes.length;
          bytes[index] = (bytes[index] ?? 0) ^ (1 << (place % 8));
        }
        const parsed = parseJoinToken(bytes.toString('latin1'));
        // A turned bit can make another well-formed token; then it must be a whole one.
        if (parsed.ok) expect(parsed.value.secret.reveal()).toHaveLength(43);
        else expectSilence(parsed.message);
      }),
      { numRuns: 2000 },
    );
  });

  test('never throws on random text, with the mark or without it', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.base64String());
    fc.assert(
      fc.property(text, fc.boolean(), (body, isMarked) => {
        expectRefusal(isMarked ? `culvert-join-1.${body}` : body);
      }),
    );
  });
});

function tokenOf(urls: readonly string[]): string {
  const secret = new Secret(SECRET);
  return formatJoinToken({ urls, authorityFingerprint: FINGERPRINT, secret });
}

function tokenOfBody(body: unknown): string {
  return `culvert-join-1.${Buffer.from(JSON.stringify(body)).toString('base64url')}`;
}

function expectRefusal(text: string): void {
  const parsed = parseJoinToken(text);
  expect(parsed.ok).toBe(false);
  if (!parsed.ok) expectSilence(parsed.message);
}

/** No run of eight characters of the secret, plain or as it stands in the token. */
function expectSilence(message: string): void {
  for (const hidden of [SECRET, TOKEN.slice('culvert-join-1.'.length)]) {
    for (let at = 0; at + 8 <= hidden.length; at++) {
      if (message.includes(hidden.slice(at, at + 8))) throw new Error('the secret is repeated');
    }
  }
}
