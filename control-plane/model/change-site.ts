/**
 * Decides changes of sites. Pure.
 *
 * @module
 */
import type { Name } from '../../protocol/name.ts';
import type { Prefix } from '../../protocol/net.ts';
import { change, put, refuse, remove, unchanged } from './decision.ts';
import { approvedPrefixes, refuseApproval } from './prefix-rules.ts';
import { resolve } from './reference.ts';
import { connectorsOfSite, routesOfSite, sitesOfNetwork, tokensOfSite } from './snapshot.ts';
import type { ChangeContext, Decision, Route, Site, Snapshot } from './types.ts';

export type SiteInput = {
  /** Id or name. */
  readonly network: string;
  readonly name: Name;
  /** Approved routes to make with it: all of them or nothing. */
  readonly prefixes?: readonly Prefix[] | undefined;
};

export function createSite(
  snapshot: Snapshot,
  input: SiteInput,
  context: ChangeContext,
): Decision<Site> {
  const found = resolve(snapshot, 'networks', input.network, { field: '/network' });
  if (found.kind === 'refuse') return found;
  const network = found.row;
  if (sitesOfNetwork(snapshot, network.id).some((site) => site.name === input.name)) {
    return refuse(
      'name-taken',
      `network "${network.name}" has a site "${input.name}" already`,
      '/name',
    );
  }
  const site: Site = {
    id: context.newId('sit'),
    networkId: network.id,
    name: input.name,
    assignedConnectorId: null,
    createdAt: context.now,
  };
  const approved = approvedPrefixes(snapshot, network.id);
  const routes: Route[] = [];
  for (const [index, prefix] of (input.prefixes ?? []).entries()) {
    const refusal = refuseApproval(prefix, { network, approved, field: `/prefixes/${index}` });
    if (refusal !== undefined) return refusal;
    approved.set(prefix, site);
    routes.push({
      id: context.newId('rou'),
      siteId: site.id,
      prefix,
      state: 'approved',
      proposedByConnectorId: null,
      createdAt: context.now,
    });
  }
  return change(site, {
    writes: [put('sites', site), ...routes.map((route) => put('routes', route))],
    reachesAgents: routes.length > 0,
  });
}

/** Lets another connector of the site carry its routes. */
export function updateSite(
  snapshot: Snapshot,
  patch: { readonly site: string; readonly assignment: string },
): Decision<Site> {
  const found = resolve(snapshot, 'sites', patch.site);
  if (found.kind === 'refuse') return found;
  const before = found.row;
  const field = '/assignment';
  const scope = { field, networkId: before.networkId };
  const connector = resolve(snapshot, 'connectors', patch.assignment, scope);
  if (connector.kind === 'refuse') return connector;
  if (connector.row.siteId !== before.id) {
    return refuse(
      'invalid-request',
      `connector "${connector.row.name}" is not of site "${before.name}"; ` +
        'expected one of its own connectors',
      field,
    );
  }
  if (before.assignedConnectorId === connector.row.id) return unchanged(before);
  const site: Site = { ...before, assignedConnectorId: connector.row.id };
  return change(site, { writes: [put('sites', site)], reachesAgents: true });
}

/** Refused while the site has connectors. Its routes and enrollment tokens go with it. */
export function deleteSite(snapshot: Snapshot, input: { readonly site: string }): Decision<Site> {
  const found = resolve(snapshot, 'sites', input.site);
  if (found.kind === 'refuse') return found;
  const site = found.row;
  const connectors = connectorsOfSite(snapshot, site.id);
  if (connectors.length > 0) {
    const names = connectors.map((connector) => `"${connector.name}"`).sort();
    return refuse('in-use', `site "${site.name}" still has the connectors ${names.join(', ')}`);
  }
  const routes = routesOfSite(snapshot, site.id);
  return change(site, {
    writes: [
      ...routes.map((route) => remove('routes', route)),
      ...tokensOfSite(snapshot, site.id).map((token) => remove('enrollmentTokens', token)),
      remove('sites', site),
    ],
    reachesAgents: routes.some((route) => route.state === 'approved'),
  });
}
