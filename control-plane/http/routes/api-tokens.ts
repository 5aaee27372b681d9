/**
 * `/v1/api-tokens`. The secret is answered once, when the token is made, and kept as a hash
 * only.
 *
 * @module
 */
import {
  ApiTokenCreatedSchema,
  ApiTokenCreateSchema,
  ApiTokenSchema,
  listOf,
} from '../../../protocol/rest.ts';
import { NameSchema, Type } from '../../../protocol/schema.ts';
import { randomSecret } from '../../change-context.ts';
import { createApiToken, deleteApiToken } from '../../model/change-api-token.ts';
import { hashOfSecret } from '../../model/hash.ts';
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
import { apiTokenResource } from '../resources.ts';

const tags = ['api-tokens'] as const;

export function apiTokenRoutes(api: Api, options: ApiOptions): void {
  const { store } = options;

  api.get(
    '/v1/api-tokens',
    {
      schema: operation(
        'GET /v1/api-tokens',
        { operationId: 'listApiTokens', tags, summary: 'List API tokens' },
        {
          querystring: Type.Object({ name: Type.Optional(NameSchema) }, closed),
          response: { 200: listOf(ApiTokenSchema) },
        },
      ),
    },
    ({ query }) =>
      page(
        [...store.snapshot().apiTokens.values()]
          .filter(({ name }) => query.name === undefined || name === query.name)
          .sort(byAge)
          .map(apiTokenResource),
      ),
  );

  api.post(
    '/v1/api-tokens',
    {
      schema: operation(
        'POST /v1/api-tokens',
        {
          operationId: 'createApiToken',
          tags,
          summary: 'Create an API token',
          description: 'The answer holds the secret. It is shown this once.',
          problems: ['name-taken'],
        },
        { body: ApiTokenCreateSchema, response: { 201: ApiTokenCreatedSchema } },
      ),
    },
    async ({ body }, reply) => {
      const secret = randomSecret(options.randomBytes);
      const { result } = await commit(options, (snapshot, context) =>
        createApiToken(snapshot, { ...body, secretHash: hashOfSecret(secret) }, context),
      );
      reply.code(201).header('location', `/v1/api-tokens/${result.id}`);
      return { ...apiTokenResource(result), secret };
    },
  );

  api.get(
    '/v1/api-tokens/:ref',
    {
      schema: operation(
        'GET /v1/api-tokens/:ref',
        { operationId: 'showApiToken', tags, summary: 'Show an API token' },
        { params: ParamsSchema, response: { 200: ApiTokenSchema } },
      ),
    },
    ({ params }) => apiTokenResource(find(store.snapshot(), 'apiTokens', params)),
  );

  api.delete(
    '/v1/api-tokens/:ref',
    {
      schema: operation(
        'DELETE /v1/api-tokens/:ref',
        {
          operationId: 'deleteApiToken',
          tags,
          summary: 'Delete an API token',
          description:
            'It is refused from then on. With the last one gone, a restart makes another.',
        },
        { params: ParamsSchema, response: { 204: Type.Null() } },
      ),
    },
    async ({ params }, reply) => {
      await commit(options, (snapshot) => deleteApiToken(snapshot, { token: params.ref }));
      return reply.code(204).send(null);
    },
  );
}
