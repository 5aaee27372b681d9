/**
 * `/v1/enrollment-tokens`. The token itself is answered once, when it is made, and kept as a
 * hash only.
 *
 * @module
 */
import { formatJoinToken } from '../../../protocol/join-token.ts';
import {
  EnrollmentTokenCreatedSchema,
  EnrollmentTokenCreateSchema,
  EnrollmentTokenSchema,
  EnrollmentTokenStateSchema,
  listOf,
} from '../../../protocol/rest.ts';
import { Type } from '../../../protocol/schema.ts';
import { Secret } from '../../../protocol/secret.ts';
import { randomSecret } from '../../change-context.ts';
import {
  createEnrollmentToken,
  enrollmentTokenState,
  revokeEnrollmentToken,
} from '../../model/change-enrollment-token.ts';
import { hashOfSecret } from '../../model/hash.ts';
import { rowOf } from '../../model/snapshot.ts';
import type { EnrollmentToken, Snapshot } from '../../model/types.ts';
import {
  type Api,
  type ApiOptions,
  byAge,
  closed,
  commit,
  find,
  ParamsSchema,
  page,
  SITE_FILTER,
  scopeOf,
} from '../context.ts';
import { operation } from '../operation.ts';
import { enrollmentTokenResource } from '../resources.ts';

const tags = ['enrollment-tokens'] as const;

export function enrollmentTokenRoutes(api: Api, options: ApiOptions): void {
  const { store, clock, agentsUrls, authorityFingerprint } = options;
  const resource = (snapshot: Snapshot, token: EnrollmentToken) =>
    enrollmentTokenResource(snapshot, token, clock.now());

  api.get(
    '/v1/enrollment-tokens',
    {
      schema: operation(
        'GET /v1/enrollment-tokens',
        {
          operationId: 'listEnrollmentTokens',
          tags,
          summary: 'List enrollment tokens',
          problems: ['not-found', 'ambiguous-reference'],
        },
        {
          querystring: Type.Object(
            { ...SITE_FILTER, state: Type.Optional(EnrollmentTokenStateSchema) },
            closed,
          ),
          response: { 200: listOf(EnrollmentTokenSchema) },
        },
      ),
    },
    ({ query }) => {
      const snapshot = store.snapshot();
      const { networkId, siteId } = scopeOf(snapshot, query);
      return page(
        [...snapshot.enrollmentTokens.values()]
          .filter((token) => siteId === undefined || token.siteId === siteId)
          .filter(
            (token) =>
              networkId === undefined ||
              rowOf(snapshot, 'sites', token.siteId).networkId === networkId,
          )
          .filter(
            (token) =>
              query.state === undefined || enrollmentTokenState(token, clock.now()) === query.state,
          )
          .sort(byAge)
          .map((token) => resource(snapshot, token)),
      );
    },
  );

  api.post(
    '/v1/enrollment-tokens',
    {
      schema: operation(
        'POST /v1/enrollment-tokens',
        {
          operationId: 'createEnrollmentToken',
          tags,
          summary: 'Create an enrollment token',
          description:
            'The answer holds the join token, one line for "culvert agent join". ' +
            'It is shown this once.',
          problems: ['not-found', 'ambiguous-reference'],
        },
        { body: EnrollmentTokenCreateSchema, response: { 201: EnrollmentTokenCreatedSchema } },
      ),
    },
    async ({ body }, reply) => {
      const secret = new Secret(randomSecret(options.randomBytes));
      const secretHash = hashOfSecret(secret.reveal());
      const { result, snapshot } = await commit(options, (before, context) =>
        createEnrollmentToken(before, { ...body, secretHash }, context),
      );
      reply.code(201).header('location', `/v1/enrollment-tokens/${result.id}`);
      const token = formatJoinToken({ urls: agentsUrls, authorityFingerprint, secret });
      return { ...resource(snapshot, result), token };
    },
  );

  api.get(
    '/v1/enrollment-tokens/:ref',
    {
      schema: operation(
        'GET /v1/enrollment-tokens/:ref',
        { operationId: 'showEnrollmentToken', tags, summary: 'Show an enrollment token' },
        { params: ParamsSchema, response: { 200: EnrollmentTokenSchema } },
      ),
    },
    ({ params }) => {
      const snapshot = store.snapshot();
      return resource(snapshot, find(snapshot, 'enrollmentTokens', params));
    },
  );

  api.delete(
    '/v1/enrollment-tokens/:ref',
    {
      schema: operation(
        'DELETE /v1/enrollment-tokens/:ref',
        {
          operationId: 'revokeEnrollmentToken',
          tags,
          summary: 'Revoke an enrollment token',
          description: 'It stays in the list as revoked. Connectors that joined by it stay.',
        },
        { params: ParamsSchema, response: { 204: Type.Null() } },
      ),
    },
    async ({ params }, reply) => {
      await commit(options, (before, context) =>
        revokeEnrollmentToken(before, { token: params.ref }, context),
      );
      return reply.code(204).send(null);
    },
  );
}
