/**
 * Every refusal of the REST API leaves as a problem document (RFC 9457), whoever refused: the
 * model, a schema, the HTTP framework, or a bug. What went wrong inside is for the log only.
 *
 * @module
 */
import type { FastifyReply } from 'fastify';
import {
  PROBLEMS,
  type Problem,
  type ProblemCode,
  ProblemError,
  problem,
  problemDocument,
} from '../../protocol/problem.ts';
import { faultsOf, type TSchema, Type } from '../../protocol/schema.ts';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: '"urn:culvert:problem:" and the code' }),
    title: Type.String({ description: 'The same sentence for every problem of this code' }),
    status: Type.Integer({ description: 'The status of the answer' }),
    code: Type.String({ description: 'Stable: programs branch on it' }),
    detail: Type.String({ description: 'What is so, and what would be accepted' }),
    field: Type.Optional(
      Type.String({ description: 'The offending field, a JSON Pointer (RFC 6901)' }),
    ),
  },
  { additionalProperties: false, description: 'A refusal (RFC 9457)' },
);

/** The framework's own refusals (fastify, "Errors"), in our words. */
const FRAMEWORK_PROBLEMS: Readonly<Record<string, Problem>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: problem('malformed-json', 'the body is not JSON'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: problem(
    'unsupported-media-type',
    'the body has another media type; expected application/json',
  ),
  FST_ERR_CTP_BODY_TOO_LARGE: problem('too-large', 'the body is too large'),
};

/** Refuses with the first fault, or returns when there is none. @throws {ProblemError} */
export function assertValid(schema: TSchema, value: unknown): void {
  const [fault] = faultsOf(schema, value);
  if (fault === undefined) return;
  const { field, message } = fault;
  const detail = field === '' ? `the body: ${message}` : `${field}: ${message}`;
  throw new ProblemError(problem('invalid-request', detail, field));
}

/** What the client is told of an error; undefined when it is a fault of ours. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof ProblemError) return error.problem;
  const { code, statusCode } = error as { code?: string; statusCode?: number };
  const known = code === undefined ? undefined : FRAMEWORK_PROBLEMS[code];
  if (known !== undefined) return known;
  const isClientFault = statusCode !== undefined && statusCode >= 400 && statusCode < 500;
  return isClientFault ? problem('invalid-request', 'the request is not acceptable') : undefined;
}

export function sendProblem(reply: FastifyReply, reason: Problem): FastifyReply {
  const document = problemDocument(reason);
  return reply.code(document.status).type(PROBLEM_MEDIA_TYPE).send(document);
}

/** The refusals of a route as its documented answers, one for each status. */
export function problemResponses(codes: readonly ProblemCode[]): Record<number, object> {
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('. '),
        content: {
          [PROBLEM_MEDIA_TYPE]: {
            schema: ProblemSchema,
            examples: Object.fromEntries(
              group.map((code) => [code, { value: problemDocument(problem(code, '…')) }]),
            ),
          },
        },
      },
    ]),
  );
}
