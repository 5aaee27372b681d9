/**
 * `/v1/connectors`. They are made by joining, on the agents' listener.
 *
 * @module
 */
import {
  ConnectorSchema,
  ConnectorStateSchema,
  ConnectorUpdateSchema,
  listOf,
} from '../../../protocol/rest.ts';
import { NameSchema, Type } from '../../../protocol/schema.ts';
import { removeConnector, updateConnector } from '../../model/change-connector.ts';
import { isLiving, siteOfConnector } from '../../model/snapshot.ts';
import type { Connector, Snapshot } from '../../model/types.ts';
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
import { connectorResource } from '../resources.ts';

const tags = ['connectors'] as const;

export function connectorRoutes(api: Api, options: ApiOptions): void {
  const { store, hub } = options;
  const resource = (snapshot: Snapshot, connector: Connector) =>
    connectorResource(snapshot, connector, hub.statusOf(connector.id));

  api.get(
    '/v1/connectors',
    {
      schema: operation(
        'GET /v1/connectors',
        {
          operationId: 'listConnectors',
          tags,
          summary: 'List connectors',
          problems: ['not-found', 'ambiguous-reference'],
        },
        {
          querystring: Type.Object(
            {
              ...SITE_FILTER,
              name: Type.Optional(NameSchema),
              state: Type.Optional(ConnectorStateSchema),
            },
            closed,
          ),
          response: { 200: listOf(ConnectorSchema) },
        },
      ),
    },
    ({ query }) => {
      const snapshot = store.snapshot();
      const { networkId, siteId } = scopeOf(snapshot, query);
      return page(
        [...snapshot.connectors.values()]
          .filter(isLiving)
          .filter((connector) => siteId === undefined || connector.siteId === siteId)
          .filter(
            (connector) =>
              networkId === undefined ||
              siteOfConnector(snapshot, connector).networkId === networkId,
          )
          .filter(({ name }) => query.name === undefined || name === query.name)
          .sort(byAge)
          .map((connector) => resource(snapshot, connector))
          .filter(({ state }) => query.state === undefined || state === query.state),
      );
    },
  );

  api.get(
    '/v1/connectors/:ref',
    {
      schema: operation(
        'GET /v1/connectors/:ref',
        { operationId: 'showConnector', tags, summary: 'Show a connector' },
        { params: ParamsSchema, querystring: ScopeSchema, response: { 200: ConnectorSchema } },
      ),
    },
    ({ params, query }) => {
      const snapshot = store.snapshot();
      return resource(snapshot, find(snapshot, 'connectors', { ...params, ...query }));
    },
  );

  api.patch(
    '/v1/connectors/:ref',
    {
      schema: operation(
        'PATCH /v1/connectors/:ref',
        {
          operationId: 'updateConnector',
          tags,
          summary: 'Rename a connector or set its endpoint',
          problems: ['name-taken'],
        },
        {
          params: ParamsSchema,
          querystring: ScopeSchema,
          body: ConnectorUpdateSchema,
          response: { 200: ConnectorSchema },
        },
      ),
    },
    async ({ params, query, body }) => {
      const { result, snapshot } = await commit(options, (before) => {
        const found = locate(before, 'connectors', { ...params, ...query });
        if (found.kind === 'refuse') return found;
        return updateConnector(before, { ...body, connector: found.row.id });
      });
      return resource(snapshot, result);
    },
  );

  api.delete(
    '/v1/connectors/:ref',
    {
      schema: operation(
        'DELETE /v1/connectors/:ref',
        {
          operationId: 'removeConnector',
          tags,
          summary: 'Remove a connector',
          description:
            'Its peers forget it at once; its agent puts its host back as it was before, ' +
            'as soon as it hears of it.',
        },
        { params: ParamsSchema, querystring: ScopeSchema, response: { 204: Type.Null() } },
      ),
    },
    async ({ params, query }, reply) => {
      await commit(options, (before, context) => {
        const found = locate(before, 'connectors', { ...params, ...query });
        if (found.kind === 'refuse') return found;
        return removeConnector(before, { connector: found.row.id }, context);
      });
      return reply.code(204).send(null);
    },
  );
}
