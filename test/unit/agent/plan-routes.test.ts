import { describe, expect, test } from 'vitest';
import { planRoutes } from '../../../agent/plan-routes.ts';
import {
  BACKSTOP_METRIC,
  type DesiredRoute,
  type ObservedRoute,
  ROUTE_METRIC,
  ROUTE_PROTOCOL,
} from '../../../agent/state.ts';
import { address, prefix } from '../../../protocol/net.ts';

const BRANCH = prefix('10.2.0.0/16');
const INTO_TUNNEL: DesiredRoute = {
  kind: 'device',
  prefix: BRANCH,
  link: 'culvert0',
  metric: ROUTE_METRIC,
  source: address('10.1.0.1'),
};
const BACKSTOP: DesiredRoute = { kind: 'unreachable', prefix: BRANCH, metric: BACKSTOP_METRIC };
const EMPTY = { backstops: [], routes: [], removeRoutes: [], removeBackstops: [], held: [] };

describe('planRoutes()', () => {
  test('makes the backstop apart from the route, so that it can come first', () => {
    const plan = planRoutes({ desired: [INTO_TUNNEL, BACKSTOP], observed: [] });
    expect(plan.backstops).toEqual([{ kind: 'replace-route', route: BACKSTOP }]);
    expect(plan.routes).toEqual([{ kind: 'replace-route', route: INTO_TUNNEL }]);
  });

  test('is empty when the kernel agrees', () => {
    const observed = [ours(INTO_TUNNEL), ours(BACKSTOP)];
    expect(planRoutes({ desired: [INTO_TUNNEL, BACKSTOP], observed })).toEqual(EMPTY);
  });

  test.each([
    ['the link', { ...INTO_TUNNEL, link: 'culvert1' }],
    ['the source', { ...INTO_TUNNEL, source: address('100.96.0.1') }],
  ])('replaces a route when %s differs', (_, other) => {
    const plan = planRoutes({ desired: [INTO_TUNNEL], observed: [ours(other)] });
    expect(plan).toEqual({ ...EMPTY, routes: [{ kind: 'replace-route', route: INTO_TUNNEL }] });
  });

  test('removes ours that is not wanted, its backstop last', () => {
    const plan = planRoutes({ desired: [], observed: [ours(BACKSTOP), ours(INTO_TUNNEL)] });
    expect(plan.removeRoutes).toEqual([{ kind: 'remove-route', route: INTO_TUNNEL }]);
    expect(plan.removeBackstops).toEqual([{ kind: 'remove-route', route: BACKSTOP }]);
  });

  test("never touches another program's route, and holds ours where it has the key", () => {
    const foreign: ObservedRoute = { ...ours(INTO_TUNNEL), protocol: 4, link: 'wan0' };
    const plan = planRoutes({ desired: [INTO_TUNNEL], observed: [foreign] });
    expect(plan).toEqual({
      ...EMPTY,
      held: [
        {
          operation: 'route 10.2.0.0/16 metric 121',
          reason: expect.stringContaining('another program'),
        },
      ],
    });
    expect(planRoutes({ desired: [], observed: [foreign] })).toEqual(EMPTY);
  });

  test("leaves another program's route with another metric where it is, beside ours", () => {
    const foreign: ObservedRoute = { ...ours(INTO_TUNNEL), protocol: 4, metric: 0, link: 'wan0' };
    const plan = planRoutes({ desired: [INTO_TUNNEL], observed: [foreign] });
    expect(plan).toEqual({ ...EMPTY, routes: [{ kind: 'replace-route', route: INTO_TUNNEL }] });
  });
});

function ours(route: DesiredRoute): ObservedRoute {
  return { ...route, protocol: ROUTE_PROTOCOL };
}
