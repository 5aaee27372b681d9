/**
 * Decides how our routes in the main table must change. Pure.
 *
 * Two routes are the same route when prefix and metric are equal: that is the key under
 * which the kernel replaces (`linux:net/ipv4/fib_trie.c`, fib_table_insert). A foreign route
 * under one of our keys is never replaced; ours is then left out, with the reason.
 *
 * @module
 */
import { comparePrefixes, type Prefix } from '../protocol/net.ts';
import {
  type DesiredRoute,
  type Held,
  type ObservedRoute,
  type Operation,
  ROUTE_PROTOCOL,
} from './state.ts';

export type ReplaceRoute = Extract<Operation, { kind: 'replace-route' }>;
export type RemoveRoute = Extract<Operation, { kind: 'remove-route' }>;

export type RoutePlan = {
  /** Missing or changed routes; backstops apart, because they come first and go last. */
  readonly backstops: readonly ReplaceRoute[];
  readonly routes: readonly ReplaceRoute[];
  readonly removeRoutes: readonly RemoveRoute[];
  readonly removeBackstops: readonly RemoveRoute[];
  readonly held: readonly Held[];
};

/** @param observed routes of the main table, anybody's, in any order */
export function planRoutes({
  desired,
  observed,
}: {
  readonly desired: readonly DesiredRoute[];
  readonly observed: readonly ObservedRoute[];
}): RoutePlan {
  const ours = new Map<string, ObservedRoute>();
  const foreign = new Map<string, ObservedRoute>();
  for (const route of observed) {
    (route.protocol === ROUTE_PROTOCOL ? ours : foreign).set(keyOf(route), route);
  }
  const wanted = new Set(desired.map(keyOf));
  const held: Held[] = [];
  const replace: ReplaceRoute[] = [];
  for (const route of desired) {
    const key = keyOf(route);
    if (foreign.has(key)) {
      held.push({
        operation: `route ${route.prefix} metric ${route.metric}`,
        reason:
          "another program's route has this prefix and metric; " + 'remove it or change its metric',
      });
      continue;
    }
    const current = ours.get(key);
    if (current === undefined || !isSameRoute(route, current)) {
      replace.push({ kind: 'replace-route', route });
    }
  }
  const remove = [...ours.values()]
    .filter((route) => !wanted.has(keyOf(route)))
    .map((route): RemoveRoute => ({ kind: 'remove-route', route: asDesired(route) }));
  return {
    backstops: sorted(replace.filter(isBackstop)),
    routes: sorted(replace.filter((operation) => !isBackstop(operation))),
    removeRoutes: sorted(remove.filter((operation) => !isBackstop(operation))),
    removeBackstops: sorted(remove.filter(isBackstop)),
    held,
  };
}

function keyOf(route: { readonly prefix: Prefix; readonly metric: number }): string {
  return `${route.prefix} ${route.metric}`;
}

function isSameRoute(desired: DesiredRoute, observed: ObservedRoute): boolean {
  if (desired.kind !== observed.kind) return false;
  if (desired.kind === 'unreachable') return true;
  return desired.link === observed.link && desired.source === observed.source;
}

/** What to remove is named by prefix and metric; the rest tells a person what it was. */
function asDesired(route: ObservedRoute): DesiredRoute {
  const { prefix, metric, link, source } = route;
  return route.kind === 'unreachable' || link === undefined
    ? { kind: 'unreachable', prefix, metric }
    : { kind: 'device', prefix, metric, link, source };
}

function isBackstop({ route }: ReplaceRoute | RemoveRoute): boolean {
  return route.kind === 'unreachable';
}

function sorted<T extends ReplaceRoute | RemoveRoute>(operations: T[]): T[] {
  return operations.sort(
    (a, b) => comparePrefixes(a.route.prefix, b.route.prefix) || a.route.metric - b.route.metric,
  );
}
