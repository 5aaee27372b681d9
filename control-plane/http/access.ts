/**
 * Who may call what: the whole table. A route that is not in it keeps the API from being
 * built, and so does a row without a route.
 *
 * @module
 */

/** public: anybody; token: whoever shows a valid API token. */
export type Access = 'public' | 'token';

export const ACCESS: Readonly<Record<string, Access>> = {
  'GET /healthz': 'public',
  'GET /v1/openapi.json': 'public',
  'GET /v1/status': 'token',
  'GET /v1/lookup': 'token',

  'GET /v1/networks': 'token',
  'POST /v1/networks': 'token',
  'GET /v1/networks/:ref': 'token',
  'PATCH /v1/networks/:ref': 'token',
  'DELETE /v1/networks/:ref': 'token',

  'GET /v1/sites': 'token',
  'POST /v1/sites': 'token',
  'GET /v1/sites/:ref': 'token',
  'PATCH /v1/sites/:ref': 'token',
  'DELETE /v1/sites/:ref': 'token',

  'GET /v1/connectors': 'token',
  'GET /v1/connectors/:ref': 'token',
  'PATCH /v1/connectors/:ref': 'token',
  'DELETE /v1/connectors/:ref': 'token',

  'GET /v1/routes': 'token',
  'POST /v1/routes': 'token',
  'GET /v1/routes/:ref': 'token',
  'PATCH /v1/routes/:ref': 'token',
  'DELETE /v1/routes/:ref': 'token',

  'GET /v1/enrollment-tokens': 'token',
  'POST /v1/enrollment-tokens': 'token',
  'GET /v1/enrollment-tokens/:ref': 'token',
  'DELETE /v1/enrollment-tokens/:ref': 'token',

  'GET /v1/api-tokens': 'token',
  'POST /v1/api-tokens': 'token',
  'GET /v1/api-tokens/:ref': 'token',
  'DELETE /v1/api-tokens/:ref': 'token',
};

/** @throws {RangeError} when the route is not in the table: a bug, found when building */
export function accessOf(method: string, url: string): Access {
  const access = ACCESS[`${method === 'HEAD' ? 'GET' : method} ${url}`];
  if (access !== undefined) return access;
  throw new RangeError(`Cannot build the API: "${method} ${url}" is not in the access table`);
}
