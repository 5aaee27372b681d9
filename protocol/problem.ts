/**
 * Every refusal that Culvert gives, in one table. The codes are a contract: scripts branch on
 * them. `docs/problems.md` is checked against this table in both directions.
 *
 * @module
 */

type Row = {
  /** HTTP status of the answer. */
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 410 | 413 | 415 | 429 | 500 | 503;
  /** One sentence that does not change between occurrences (RFC 9457 §3.1.3). */
  readonly title: string;
};

export const PROBLEMS = {
  'invalid-request': { status: 400, title: 'A field of the request is not acceptable' },
  'malformed-json': { status: 400, title: 'The body is not JSON' },
  'special-purpose-prefix': { status: 400, title: 'The prefix cannot be behind a site' },
  unauthenticated: { status: 401, title: 'No valid API token was given' },
  forbidden: { status: 403, title: 'The API token does not allow this' },
  'not-found': { status: 404, title: 'There is no such object' },
  'method-not-allowed': { status: 405, title: 'The path does not take this method' },
  'name-taken': { status: 409, title: 'The name is in use' },
  'ambiguous-reference': { status: 409, title: 'The name fits more than one object' },
  'route-conflict': { status: 409, title: 'The prefix overlaps one that is there' },
  'overlay-conflict': { status: 409, title: 'The prefix overlaps the overlay of the network' },
  'overlay-exhausted': { status: 409, title: 'The overlay prefix has no free address' },
  'in-use': { status: 409, title: 'Other objects still belong to this one' },
  'already-joined': { status: 409, title: 'The key belongs to another connector' },
  'token-unknown': { status: 401, title: 'The join token is not one of this control plane' },
  'token-used': { status: 410, title: 'The join token has been used' },
  'token-expired': { status: 410, title: 'The join token has expired' },
  'token-revoked': { status: 410, title: 'The join token was revoked' },
  'connector-unknown': { status: 403, title: 'No connector has this identity' },
  'connector-removed': { status: 410, title: 'The connector was removed' },
  'too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body must be application/json' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'The control plane failed' },
  unavailable: { status: 503, title: 'The control plane cannot serve at present' },
} as const satisfies Record<string, Row>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One refusal: what is so, and what would be accepted. */
export type Problem = {
  readonly code: ProblemCode;
  /** For people: names the value and what would be accepted. No full stop. */
  readonly detail: string;
  /** The offending field, as a JSON Pointer into the request (RFC 6901), for example `/prefix`. */
  readonly field?: string;
};

/** The body of an HTTP refusal (RFC 9457 §3); `code` and `field` are extension members (§3.2). */
export type ProblemDocument = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly field?: string;
};

export function problem(code: ProblemCode, detail: string, field?: string): Problem {
  return { code, detail, ...(field === undefined ? {} : { field }) };
}

/** `type` is a URN, because it must not change when documentation moves (RFC 9457 §3.1.1). */
export function problemDocument({ code, detail, field }: Problem): ProblemDocument {
  const { status, title } = PROBLEMS[code];
  const type = `urn:culvert:problem:${code}`;
  return { type, title, status, code, detail, ...(field === undefined ? {} : { field }) };
}

export function isProblemCode(text: string): text is ProblemCode {
  return Object.hasOwn(PROBLEMS, text);
}

/** Carries a refusal through code that cannot return it; the border turns it back into one. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.detail, options);
    this.name = 'ProblemError';
    this.problem = problem;
  }
}
