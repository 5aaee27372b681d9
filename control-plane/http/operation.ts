/**
 * One operation of the REST API as the framework takes it: its words for the OpenAPI document
 * and its schemas, with the refusals that every operation of its kind can give.
 *
 * @module
 */
import type { ProblemCode } from '../../protocol/problem.ts';
import { accessOf } from './access.ts';
import { problemResponses } from './problems.ts';

type Words = {
  /** Unique; generated clients call the operation so. */
  readonly operationId: string;
  readonly tags: readonly [string];
  readonly summary: string;
  readonly description?: string;
  /** Codes of its own, beside those of its method and access. */
  readonly problems?: readonly ProblemCode[];
};

/**
 * @param route method and path as in the access table, for example `GET /v1/networks`
 * @param schemas what the request and the successful answer look like
 */
export function operation<S extends { readonly response: object }>(
  route: string,
  { problems = [], ...words }: Words,
  schemas: S,
): S & { readonly operationId: string } {
  const [method = '', url = ''] = route.split(' ');
  const isPublic = accessOf(method, url) === 'public';
  const takesBody = method === 'POST' || method === 'PATCH';
  const codes = new Set<ProblemCode>([
    'invalid-request',
    ...(takesBody ? (['malformed-json', 'too-large', 'unsupported-media-type'] as const) : []),
    ...(isPublic ? [] : (['unauthenticated'] as const)),
    ...(url.endsWith(':ref') ? (['not-found', 'ambiguous-reference'] as const) : []),
    ...problems,
    'internal',
  ]);
  return {
    ...words,
    ...schemas,
    ...(isPublic ? { security: [] } : {}),
    response: { ...schemas.response, ...problemResponses([...codes]) },
  };
}
