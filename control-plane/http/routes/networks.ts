/**
 * `/v1/networks`.
 *
 * @module
 */
import {
  listOf,
  NetworkCreateSchema,
  NetworkSchema,
  NetworkUpdateSchema,
} from '../../../protocol/rest.ts';
import { NameSchema, Type } from '../../../protocol/schema.ts';
import { createNetwork, deleteNetwork, updateNetwork } from '../../model/change-network.ts';
import {
  type Api,
  type ApiOptions,
  byAge,
  closed,
  commit,
  find,
  ParamsSchema,
  page,
} from '../context.ts';
import { operation } from '../operation.ts';
import { networkResource } from '../resources.ts';

const tags = ['networks'] as const;

export function networkRoutes(api: Api, options: ApiOptions): void {
  const { store } = options;

  api.get(
    '/v1/networks',
    {
      schema: operation(
        'GET /v1/networks',
        { operationId: 'listNetworks', tags, summary: 'List networks' },
        {
          querystring: Type.Object({ name: Type.Optional(NameSchema) }, closed),
          response: { 200: listOf(NetworkSchema) },
        },
      ),
    },
    ({ query }) =>
      page(
        [...store.snapshot().networks.values()]
          .filter(({ name }) => query.name === undefined || name === query.name)
          .sort(byAge)
          .map(networkResource),
      ),
  );

  api.post(
    '/v1/networks',
    {
      schema: operation(
        'POST /v1/networks',
        {
          operationId: 'createNetwork',
          tags,
          summary: 'Create a network',
          description: 'Without overlay prefixes it gets one of each family that no other has.',
          problems: ['name-taken', 'overlay-conflict', 'overlay-exhausted'],
        },
        { body: NetworkCreateSchema, response: { 201: NetworkSchema } },
      ),
    },
    async ({ body }, reply) => {
      const { result } = await commit(options, (snapshot, context) =>
        createNetwork(snapshot, body, context),
      );
      reply.code(201).header('location', `/v1/networks/${result.id}`);
      return networkResource(result);
    },
  );

  api.get(
    '/v1/networks/:ref',
    {
      schema: operation(
        'GET /v1/networks/:ref',
        { operationId: 'showNetwork', tags, summary: 'Show a network' },
        { params: ParamsSchema, response: { 200: NetworkSchema } },
      ),
    },
    ({ params }) => networkResource(find(store.snapshot(), 'networks', params)),
  );

  api.patch(
    '/v1/networks/:ref',
    {
      schema: operation(
        'PATCH /v1/networks/:ref',
        { operationId: 'updateNetwork', tags, summary: 'Update a network' },
        { params: ParamsSchema, body: NetworkUpdateSchema, response: { 200: NetworkSchema } },
      ),
    },
    async ({ params, body }) => {
      const { result } = await commit(options, (snapshot) =>
        updateNetwork(snapshot, { ...body, network: params.ref }),
      );
      return networkResource(result);
    },
  );

  api.delete(
    '/v1/networks/:ref',
    {
      schema: operation(
        'DELETE /v1/networks/:ref',
        {
          operationId: 'deleteNetwork',
          tags,
          summary: 'Delete a network',
          description: 'Only one without sites.',
          problems: ['in-use'],
        },
        { params: ParamsSchema, response: { 204: Type.Null() } },
      ),
    },
    async ({ params }, reply) => {
      await commit(options, (snapshot) => deleteNetwork(snapshot, { network: params.ref }));
      return reply.code(204).send(null);
    },
  );
}
