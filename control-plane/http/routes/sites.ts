/**
 * `/v1/sites`.
 *
 * @module
 */
import { listOf, SiteCreateSchema, SiteSchema, SiteUpdateSchema } from '../../../protocol/rest.ts';
import { NameSchema, Type } from '../../../protocol/schema.ts';
import { createSite, deleteSite, updateSite } from '../../model/change-site.ts';
import {
  type Api,
  type ApiOptions,
  byAge,
  closed,
  commit,
  find,
  locate,
  NETWORK_FILTER,
  ParamsSchema,
  page,
  ScopeSchema,
  scopeOf,
} from '../context.ts';
import { operation } from '../operation.ts';
import { siteResource } from '../resources.ts';

const tags = ['sites'] as const;

export function siteRoutes(api: Api, options: ApiOptions): void {
  const { store } = options;

  api.get(
    '/v1/sites',
    {
      schema: operation(
        'GET /v1/sites',
        { operationId: 'listSites', tags, summary: 'List sites', problems: ['not-found'] },
        {
          querystring: Type.Object({ ...NETWORK_FILTER, name: Type.Optional(NameSchema) }, closed),
          response: { 200: listOf(SiteSchema) },
        },
      ),
    },
    ({ query }) => {
      const snapshot = store.snapshot();
      const { networkId } = scopeOf(snapshot, query);
      return page(
        [...snapshot.sites.values()]
          .filter((site) => networkId === undefined || site.networkId === networkId)
          .filter(({ name }) => query.name === undefined || name === query.name)
          .sort(byAge)
          .map((site) => siteResource(snapshot, site)),
      );
    },
  );

  api.post(
    '/v1/sites',
    {
      schema: operation(
        'POST /v1/sites',
        {
          operationId: 'createSite',
          tags,
          summary: 'Create a site',
          description: 'Its prefixes become approved routes.',
          problems: [
            'special-purpose-prefix',
            'not-found',
            'name-taken',
            'ambiguous-reference',
            'route-conflict',
            'overlay-conflict',
          ],
        },
        { body: SiteCreateSchema, response: { 201: SiteSchema } },
      ),
    },
    async ({ body }, reply) => {
      const { result, snapshot } = await commit(options, (before, context) =>
        createSite(before, body, context),
      );
      reply.code(201).header('location', `/v1/sites/${result.id}`);
      return siteResource(snapshot, result);
    },
  );

  api.get(
    '/v1/sites/:ref',
    {
      schema: operation(
        'GET /v1/sites/:ref',
        { operationId: 'showSite', tags, summary: 'Show a site' },
        { params: ParamsSchema, querystring: ScopeSchema, response: { 200: SiteSchema } },
      ),
    },
    ({ params, query }) => {
      const snapshot = store.snapshot();
      return siteResource(snapshot, find(snapshot, 'sites', { ...params, ...query }));
    },
  );

  api.patch(
    '/v1/sites/:ref',
    {
      schema: operation(
        'PATCH /v1/sites/:ref',
        {
          operationId: 'updateSite',
          tags,
          summary: 'Assign the site to one of its connectors',
          description: 'The connector carries the routes of the site from then on.',
        },
        {
          params: ParamsSchema,
          querystring: ScopeSchema,
          body: SiteUpdateSchema,
          response: { 200: SiteSchema },
        },
      ),
    },
    async ({ params, query, body }) => {
      const { result, snapshot } = await commit(options, (before) => {
        const found = locate(before, 'sites', { ...params, ...query });
        return found.kind === 'refuse'
          ? found
          : updateSite(before, { ...body, site: found.row.id });
      });
      return siteResource(snapshot, result);
    },
  );

  api.delete(
    '/v1/sites/:ref',
    {
      schema: operation(
        'DELETE /v1/sites/:ref',
        {
          operationId: 'deleteSite',
          tags,
          summary: 'Delete a site',
          description: 'Only one without connectors; its routes and join tokens go with it.',
          problems: ['in-use'],
        },
        { params: ParamsSchema, querystring: ScopeSchema, response: { 204: Type.Null() } },
      ),
    },
    async ({ params, query }, reply) => {
      await commit(options, (before) => {
        const found = locate(before, 'sites', { ...params, ...query });
        return found.kind === 'refuse' ? found : deleteSite(before, { site: found.row.id });
      });
      return reply.code(204).send(null);
    },
  );
}
