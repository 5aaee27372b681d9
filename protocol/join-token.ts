/**
 * The join token: one copied line with all that a machine needs to become a connector. It
 * holds where the control plane is, by which authority it is known, and a secret.
 *
 * @module
 */
import { accept, type Parsed, refuse } from './parsed.ts';
import { parseWith, Type } from './schema.ts';
import { Secret } from './secret.ts';

export type JoinToken = {
  /** Where agents reach the control plane, for example `https://203.0.113.1:8444`. */
  readonly urls: readonly string[];
  /** SHA-256 of the authority's certificate (DER), 64 hexadecimal digits. */
  readonly authorityFingerprint: string;
  readonly secret: Secret;
};

/** Marks the line, so that a secret scanner can find a leaked one. */
const MARK = 'culvert-join-1.';

const MAX_LENGTH = 4096;

const BodySchema = Type.Object(
  {
    urls: Type.Array(Type.String({ pattern: '^https://[a-z0-9.:[\\]-]+$' }), {
      minItems: 1,
      maxItems: 8,
    }),
    authority: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    secret: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
  },
  { additionalProperties: false },
);

export function formatJoinToken({ urls, authorityFingerprint, secret }: JoinToken): string {
  const body = { urls, authority: authorityFingerprint, secret: secret.reveal() };
  return `${MARK}${Buffer.from(JSON.stringify(body)).toString('base64url')}`;
}

/** The refusal never repeats the text: part of it may be a secret. */
export function parseJoinToken(text: string): Parsed<JoinToken> {
  const trimmed = text.trim();
  if (!trimmed.startsWith(MARK) || trimmed.length > MAX_LENGTH) {
    return refuse(
      `not a join token; expected the line that "culvert token create" printed, "${MARK}…"`,
    );
  }
  const damaged = refuse('the join token is damaged; copy the whole line again');
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(trimmed.slice(MARK.length), 'base64url').toString('utf8'));
  } catch {
    return damaged;
  }
  const body = parseWith(BodySchema, value);
  if (!body.ok) return damaged;
  const { urls, authority, secret } = body.value;
  if (!urls.every(isOrigin)) return damaged;
  return accept({ urls, authorityFingerprint: authority, secret: new Secret(secret) });
}

/** Scheme, host and port and nothing else: everything that follows is the agent's to say. */
function isOrigin(url: string): boolean {
  return URL.canParse(url) && new URL(url).hostname !== '';
}
