/**
 * `/v1/routes`.
 *
 * @module
 */
import {
  listOf,
  RouteCreateSchema,
  RouteSchema,
  RouteStateSchema,
  RouteUpdateSchema,
} from '../../../protocol/rest.ts';
import { PrefixSchema, Type } from '../../../protocol/schema.ts';
import { createRoute, deleteRoute, updateRoute } from '../../model/change-route.ts';
import { rowOf } from '../../model/snapshot.ts';
import {
  type Api,
  type ApiOptions,
  byAge,
  closed,
  commit,
  find,
  locate,
  ParamsSchema,
  page,
  ScopeSchema,
  SITE_FILTER,
  scopeOf,
} from '../context.ts';
import { operation } from '../operation.ts';
import { routeResource } from '../resources.ts';

const tags = ['routes'] as const;

export function routeRoutes(api: Api, options: ApiOptions): void {
  const { store } = options;

  api.get(
    '/v1/routes',
    {
      schema: operation(
        'GET /v1/routes',
        {
          operationId: 'listRoutes',
          tags,
          summary: 'List routes',
          problems: ['not-found', 'ambiguous-reference'],
        },
        {
          querystring: Type.Object(
            {
              ...SITE_FILTER,
              prefix: Type.Optional(PrefixSchema),
              state: Type.Optional(RouteStateSchema),
            },
            closed,
          ),
          response: { 200: listOf(RouteSchema) },
        },
      ),
    },
    ({ query }) => {
      const snapshot = store.snapshot();
      const { networkId, siteId } = scopeOf(snapshot, query);
      return page(
        [...snapshot.routes.values()]
          .filter((route) => siteId === undefined || route.siteId === siteId)
          .filter(
            (route) =>
              networkId === undefined ||
              rowOf(snapshot, 'sites', route.siteId).networkId === networkId,
          )
          .filter(({ prefix }) => query.prefix === undefined || prefix === query.prefix)
          .filter(({ state }) => query.state === undefined || state === query.state)
          .sort(byAge)
          .map((route) => routeResource(snapshot, route)),
      );
    },
  );

  api.post(
    '/v1/routes',
    {
      schema: operation(
        'POST /v1/routes',
        {
          operationId: 'createRoute',
          tags,
          summary: 'Create an approved route',
          description: 'A connector’s proposal of the same prefix is approved by it.',
          problems: [
            'special-purpose-prefix',
            'not-found',
            'ambiguous-reference',
            'route-conflict',
            'overlay-conflict',
          ],
        },
        { body: RouteCreateSchema, response: { 201: RouteSchema } },
      ),
    },
    async ({ body }, reply) => {
      const { result, snapshot } = await commit(options, (before, context) =>
        createRoute(before, body, context),
      );
      reply.code(201).header('location', `/v1/routes/${result.id}`);
      return routeResource(snapshot, result);
    },
  );

  api.get(
    '/v1/routes/:ref',
    {
      schema: operation(
        'GET /v1/routes/:ref',
        {
          operationId: 'showRoute',
          tags,
          summary: 'Show a route',
          description: 'By id, or by its prefix with "/" written as "%2F".',
        },
        { params: ParamsSchema, querystring: ScopeSchema, response: { 200: RouteSchema } },
      ),
    },
    ({ params, query }) => {
      const snapshot = store.snapshot();
      return routeResource(snapshot, find(snapshot, 'routes', { ...params, ...query }));
    },
  );

  api.patch(
    '/v1/routes/:ref',
    {
      schema: operation(
        'PATCH /v1/routes/:ref',
        {
          operationId: 'updateRoute',
          tags,
          summary: 'Approve a route or withdraw its approval',
          problems: ['special-purpose-prefix', 'route-conflict', 'overlay-conflict'],
        },
        {
          params: ParamsSchema,
          querystring: ScopeSchema,
          body: RouteUpdateSchema,
          response: { 200: RouteSchema },
        },
      ),
    },
    async ({ params, query, body }) => {
      const { result, snapshot } = await commit(options, (before) => {
        const found = locate(before, 'routes', { ...params, ...query });
        if (found.kind === 'refuse') return found;
        return updateRoute(before, { ...body, route: found.row.id });
      });
      return routeResource(snapshot, result);
    },
  );

  api.delete(
    '/v1/routes/:ref',
    {
      schema: operation(
        'DELETE /v1/routes/:ref',
        { operationId: 'deleteRoute', tags, summary: 'Delete a route' },
        { params: ParamsSchema, querystring: ScopeSchema, response: { 204: Type.Null() } },
      ),
    },
    async ({ params, query }, reply) => {
      await commit(options, (before) => {
        const found = locate(before, 'routes', { ...params, ...query });
        return found.kind === 'refuse' ? found : deleteRoute(before, { route: found.row.id });
      });
      return reply.code(204).send(null);
    },
  );
}
