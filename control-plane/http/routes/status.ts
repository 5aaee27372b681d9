/**
 * `/v1/status` for operators, `/healthz` for whoever watches the service.
 *
 * @module
 */
import { StatusSchema } from '../../../protocol/rest.ts';
import { Type } from '../../../protocol/schema.ts';
import { VERSION } from '../../../protocol/version.ts';
import { isLiving } from '../../model/snapshot.ts';
import { connectorStatus } from '../../model/status.ts';

import { type Api, type ApiOptions, closed } from '../context.ts';
import { operation } from '../operation.ts';

const tags = ['status'] as const;

export function statusRoutes(api: Api, { store, hub }: ApiOptions): void {
  api.get(
    '/v1/status',
    {
      schema: operation(
        'GET /v1/status',
        { operationId: 'showStatus', tags, summary: 'Show how everything fares' },
        { response: { 200: StatusSchema } },
      ),
    },
    () => {
      const { epoch, revision, networks, sites, routes, connectors } = store.snapshot();
      const routeStates = [...routes.values()].map(({ state }) => state);
      const states = [...connectors.values()]
        .filter(isLiving)
        .map(({ id }) => connectorStatus(hub.statusOf(id)).state);
      const count = <T>(values: readonly T[], wanted: T) =>
        values.filter((value) => value === wanted).length;
      return {
        version: VERSION,
        epoch,
        revision,
        networks: networks.size,
        sites: sites.size,
        routes: {
          approved: count(routeStates, 'approved'),
          pending: count(routeStates, 'pending'),
        },
        connectors: {
          active: count(states, 'active'),
          degraded: count(states, 'degraded'),
          inactive: count(states, 'inactive'),
        },
      };
    },
  );

  api.get(
    '/healthz',
    {
      schema: operation(
        'GET /healthz',
        { operationId: 'showHealth', tags, summary: 'Say that the control plane answers' },
        { response: { 200: Type.Object({ status: Type.Literal('ok') }, closed) } },
      ),
    },
    () => ({ status: 'ok' as const }),
  );
}
