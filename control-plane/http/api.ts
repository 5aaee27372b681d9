/**
 * The REST API: puts the routes together, lets in who shows a valid API token, and turns every
 * refusal into a problem document. Opens no socket.
 *
 * @module
 */
import { fastifySwagger } from '@fastify/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problem } from '../../protocol/problem.ts';
import type { TSchema } from '../../protocol/schema.ts';
import { apiTokenOf } from '../model/change-api-token.ts';
import { hashOfSecret } from '../model/hash.ts';
import { ACCESS, accessOf } from './access.ts';
import { type Api, type ApiOptions, makeFramework } from './context.ts';
import { DOCUMENT } from './document.ts';
import { assertValid, problemOf, sendProblem } from './problems.ts';
import { apiTokenRoutes } from './routes/api-tokens.ts';
import { connectorRoutes } from './routes/connectors.ts';
import { enrollmentTokenRoutes } from './routes/enrollment-tokens.ts';
import { lookupRoutes } from './routes/lookup.ts';
import { networkRoutes } from './routes/networks.ts';
import { openapiRoutes } from './routes/openapi.ts';
import { routeRoutes } from './routes/routes.ts';
import { siteRoutes } from './routes/sites.ts';
import { statusRoutes } from './routes/status.ts';

const ROUTES = [
  networkRoutes,
  siteRoutes,
  connectorRoutes,
  routeRoutes,
  enrollmentTokenRoutes,
  apiTokenRoutes,
  lookupRoutes,
  statusRoutes,
  openapiRoutes,
];

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * @param routes of tests only
 * @throws {RangeError} when routes and access table do not fit each other
 */
export async function createApi(
  options: ApiOptions,
  routes: readonly ((api: Api, options: ApiOptions) => void)[] = ROUTES,
): Promise<Api> {
  const api = makeFramework();
  const built = new Set<string>();
  api.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) {
      accessOf(one, url);
      built.add(`${one} ${url}`);
    }
  });
  acceptJsonOnly(api);
  api.setValidatorCompiler(({ schema }) => (value) => {
    assertValid(schema as TSchema, value); // all our schemas are TypeBox's
    return { value };
  });
  // Answers are made by typed code and checked against their schemas by the tests.
  api.setSerializerCompiler(() => JSON.stringify);
  await api.register(fastifySwagger, DOCUMENT);

  authenticate(api, options);
  refuse(api, { ...options, built });
  for (const add of routes) add(api, options);

  const missing = Object.keys(ACCESS).filter((route) => !built.has(route));
  if (missing.length > 0) {
    throw new RangeError(`Cannot build the API: no route for "${missing.join('", "')}"`);
  }
  await api.ready();
  return api;
}

/** Many clients name a media type also where they send nothing: an empty body is none. */
function acceptJsonOnly(api: Api): void {
  const parse = api.getDefaultJsonParser('error', 'error'); // no "__proto__", no "constructor"
  api.removeAllContentTypeParsers();
  api.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else parse(request, String(body), done);
  });
}

/** Lets in by the access table; notes who changed something. */
function authenticate(api: Api, { store, clock, logger }: ApiOptions): void {
  const callers = new WeakMap<FastifyRequest, { token: string; address: string }>();
  api.addHook('onRequest', async (request, reply) => {
    if (request.is404) return;
    const { method, url = '' } = request.routeOptions;
    if (accessOf([method].flat()[0] ?? '', url) === 'public') return;
    const secret = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const token =
      secret === undefined
        ? undefined
        : apiTokenOf(store.snapshot(), hashOfSecret(secret), clock.now());
    if (token === undefined) return refuseStranger(reply, secret !== undefined);
    callers.set(request, { token: token.name, address: request.ip }); // while the socket has one
  });
  api.addHook('onResponse', async (request, reply) => {
    const caller = callers.get(request);
    const isChange = request.method !== 'GET' && request.method !== 'HEAD';
    if (caller === undefined || !isChange || reply.statusCode >= 400) return;
    const { method, url: path } = request;
    logger.info({ method, path, ...caller }, 'changed by the API');
  });
}

/** RFC 6750 §3: says which scheme is expected, and whether a token was there. */
function refuseStranger(reply: FastifyReply, hasToken: boolean): FastifyReply {
  const error = hasToken ? ', error="invalid_token"' : '';
  reply.header('www-authenticate', `Bearer realm="culvert"${error}`);
  const fault = hasToken ? 'the API token is unknown or has expired' : 'there is no API token';
  const expected = 'expected "Authorization: Bearer" and the secret of one';
  return sendProblem(reply, problem('unauthenticated', `${fault}; ${expected}`));
}

function refuse(
  api: Api,
  { logger, built }: ApiOptions & { readonly built: ReadonlySet<string> },
): void {
  api.setErrorHandler((error, request, reply) => {
    const known = problemOf(error);
    if (known === undefined) {
      logger.error({ method: request.method, path: request.url, err: error }, 'request failed');
    }
    const internal = problem('internal', 'the control plane failed; its log says why');
    return sendProblem(reply, known ?? internal);
  });
  api.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const allowed = METHODS.filter((method) =>
      [...built].some((route) => fits(route, `${method} ${path}`)),
    );
    if (allowed.length === 0) {
      return sendProblem(reply, problem('not-found', `there is no "${path}"`));
    }
    reply.header('allow', allowed.join(', '));
    const detail = `"${path}" does not take ${request.method}; expected ${allowed.join(', ')}`;
    return sendProblem(reply, problem('method-not-allowed', detail));
  });
}

/** Whether a method and path are those of a route; its parameters are whole segments. */
function fits(route: string, request: string): boolean {
  const [wanted, given] = [route.split('/'), request.split('/')];
  return (
    wanted.length === given.length &&
    wanted.every((segment, index) => segment === given[index] || segment.startsWith(':'))
  );
}
