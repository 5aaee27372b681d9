/**
 * `/v1/lookup`.
 *
 * @module
 */
import { LookupSchema } from '../../../protocol/rest.ts';
import { AddressSchema, Type } from '../../../protocol/schema.ts';
import { lookup } from '../../model/lookup.ts';
import { type Api, type ApiOptions, closed } from '../context.ts';
import { operation } from '../operation.ts';
import { lookupMatchResource } from '../resources.ts';

export function lookupRoutes(api: Api, { store, hub }: ApiOptions): void {
  api.get(
    '/v1/lookup',
    {
      schema: operation(
        'GET /v1/lookup',
        {
          operationId: 'lookup',
          tags: ['status'],
          summary: 'Say who carries an address',
          description:
            'One match for each network that knows the address: route, site and connector, ' +
            'and the proposals that hold it.',
        },
        {
          querystring: Type.Object({ address: AddressSchema }, closed),
          response: { 200: LookupSchema },
        },
      ),
    },
    ({ query: { address } }) => ({
      address,
      matches: lookup(store.snapshot(), address).map((match) =>
        lookupMatchResource(match, (connectorId) => hub.statusOf(connectorId)),
      ),
    }),
  );
}
