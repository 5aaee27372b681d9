/**
 * Decides changes of routes. A connector may only propose (`join-connector.ts`); here an
 * operator makes, approves and takes back. Pure.
 *
 * @module
 */
import type { Prefix } from '../../protocol/net.ts';
import { change, put, type Refusal, refuse, remove, unchanged } from './decision.ts';
import { approvedPrefixes, refuseApproval } from './prefix-rules.ts';
import { resolve } from './reference.ts';
import { networkOfSite, routesOfSite, rowOf } from './snapshot.ts';
import type { ChangeContext, Decision, Route, Site, Snapshot } from './types.ts';

/**
 * Makes an approved route. Agents of other sites hear of it also while the site has no
 * connector: then the prefix is unreachable there, instead of leaving in clear.
 */
export function createRoute(
  snapshot: Snapshot,
  input: { readonly site: string; readonly prefix: Prefix },
  context: ChangeContext,
): Decision<Route> {
  const found = resolve(snapshot, 'sites', input.site, { field: '/site' });
  if (found.kind === 'refuse') return found;
  const site = found.row;
  const field = '/prefix';
  const refusal = refuseApprovalAt(snapshot, { site, prefix: input.prefix, field });
  if (refusal !== undefined) return refusal;
  const proposal = routesOfSite(snapshot, site.id).find(({ prefix }) => prefix === input.prefix);
  if (proposal !== undefined) {
    return refuse(
      'route-conflict',
      `"${input.prefix}" is a pending route of site "${site.name}" already; ` +
        `expected its approval (${proposal.id})`,
      field,
    );
  }
  const route: Route = {
    id: context.newId('rou'),
    siteId: site.id,
    prefix: input.prefix,
    state: 'approved',
    proposedByConnectorId: null,
    createdAt: context.now,
  };
  return change(route, { writes: [put('routes', route)], reachesAgents: true });
}

/** Approves a route or takes the approval back. */
export function updateRoute(
  snapshot: Snapshot,
  patch: { readonly route: string; readonly state: Route['state'] },
): Decision<Route> {
  const found = resolve(snapshot, 'routes', patch.route);
  if (found.kind === 'refuse') return found;
  const before = found.row;
  if (before.state === patch.state) return unchanged(before);
  const site = rowOf(snapshot, 'sites', before.siteId);
  if (patch.state === 'approved') {
    const refusal = refuseApprovalAt(snapshot, { site, prefix: before.prefix, field: '/state' });
    if (refusal !== undefined) return refusal;
  }
  const route: Route = { ...before, state: patch.state };
  return change(route, { writes: [put('routes', route)], reachesAgents: true });
}

/** The result is the route as it was. */
export function deleteRoute(
  snapshot: Snapshot,
  input: { readonly route: string },
): Decision<Route> {
  const found = resolve(snapshot, 'routes', input.route);
  if (found.kind === 'refuse') return found;
  const route = found.row;
  const reachesAgents = route.state === 'approved';
  return change(route, { writes: [remove('routes', route)], reachesAgents });
}

function refuseApprovalAt(
  snapshot: Snapshot,
  wanted: { readonly site: Site; readonly prefix: Prefix; readonly field: string },
): Refusal | undefined {
  const { site, prefix, ...where } = wanted;
  const network = networkOfSite(snapshot, site);
  const approved = approvedPrefixes(snapshot, network.id);
  return refuseApproval(prefix, { network, approved, ...where });
}
