/**
 * `/v1/openapi.json`: the document that the routes themselves give (`../document.ts`).
 *
 * @module
 */
import { Type } from '../../../protocol/schema.ts';
import type { Api } from '../context.ts';
import { operation } from '../operation.ts';

export function openapiRoutes(api: Api): void {
  api.get(
    '/v1/openapi.json',
    {
      schema: operation(
        'GET /v1/openapi.json',
        {
          operationId: 'showOpenapi',
          tags: ['status'],
          summary: 'Show this document',
          description: 'OpenAPI 3.1, made from the schemas that validate.',
        },
        { response: { 200: Type.Unknown() } },
      ),
    },
    () => api.swagger(),
  );
}
