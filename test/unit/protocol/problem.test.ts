import { describe, expect, test } from 'vitest';
import {
  isProblemCode,
  PROBLEMS,
  ProblemError,
  problem,
  problemDocument,
} from '../../../protocol/problem.ts';

const CONFLICT = problem('route-conflict', '"10.1.0.0/16" is behind site "hq"', '/prefix');

describe('problemDocument()', () => {
  test('is an RFC 9457 document that names code and field', () => {
    expect(problemDocument(CONFLICT)).toEqual({
      type: 'urn:culvert:problem:route-conflict',
      title: 'The prefix overlaps one that is there',
      status: 409,
      code: 'route-conflict',
      detail: '"10.1.0.0/16" is behind site "hq"',
      field: '/prefix',
    });
  });

  test('has no field when no field is at fault', () => {
    expect(problemDocument(problem('internal', 'x'))).not.toHaveProperty('field');
  });
});

describe('isProblemCode()', () => {
  test('knows the codes of the table and nothing that objects inherit', () => {
    expect(Object.keys(PROBLEMS).every(isProblemCode)).toBe(true);
    for (const text of ['', 'toString', '__proto__', 'constructor', 'Route-Conflict']) {
      expect(isProblemCode(text)).toBe(false);
    }
  });
});

describe('ProblemError', () => {
  test('carries the problem, and its cause', () => {
    const cause = new Error('the disk is full');
    const error = new ProblemError(CONFLICT, { cause });
    expect(error).toMatchObject({ problem: CONFLICT, message: CONFLICT.detail, cause });
  });
});

describe('PROBLEMS', () => {
  test('has a title that is one sentence for every code in kebab case', () => {
    for (const [code, { title }] of Object.entries(PROBLEMS)) {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(title).toMatch(/^[A-Z].*[^.]$/);
    }
  });
});
