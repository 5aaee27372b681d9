/**
 * Rows as the REST API shows them. Pure; the schemas are in `protocol/rest.ts`.
 *
 * @module
 */

import { comparePrefixes } from '../../protocol/net.ts';
import type {
  ApiTokenResource,
  ConnectorResource,
  EnrollmentTokenResource,
  LookupResource,
  NetworkResource,
  Reference,
  RouteResource,
  SiteResource,
} from '../../protocol/rest.ts';
import { enrollmentTokenState } from '../model/change-enrollment-token.ts';
import type { LookupMatch } from '../model/lookup.ts';
import {
  networkOfConnector,
  networkOfSite,
  routesOfSite,
  rowOf,
  siteOfConnector,
} from '../model/snapshot.ts';
import { connectorStatus } from '../model/status.ts';
import type {
  ApiToken,
  Connector,
  EnrollmentToken,
  Milliseconds,
  Network,
  Route,
  Site,
  Snapshot,
} from '../model/types.ts';
import type { ConnectorFacts } from '../stream/hub.ts';

export function networkResource(network: Network): NetworkResource {
  const { id, name, overlayPrefixes, mtuBytes, keepaliveSeconds, createdAt } = network;
  return {
    id,
    name,
    overlayPrefixes: [...overlayPrefixes],
    mtuBytes,
    keepaliveSeconds,
    createdAt: time(createdAt),
  };
}

export function siteResource(snapshot: Snapshot, site: Site): SiteResource {
  return {
    id: site.id,
    name: site.name,
    network: reference(networkOfSite(snapshot, site)),
    prefixes: routesOfSite(snapshot, site.id)
      .filter(({ state }) => state === 'approved')
      .map(({ prefix }) => prefix)
      .sort(comparePrefixes),
    assignment: assignmentOf(snapshot, site),
    createdAt: time(site.createdAt),
  };
}

/** @param facts what the hub knows of it */
export function connectorResource(
  snapshot: Snapshot,
  connector: Connector,
  facts: ConnectorFacts,
): ConnectorResource {
  const { configuredEndpoint, observedEndpoint } = connector;
  const { report, lastSeenAt } = facts;
  const known = observedEndpoint === null ? 'unknown' : 'observed';
  return {
    id: connector.id,
    name: connector.name,
    site: reference(siteOfConnector(snapshot, connector)),
    network: reference(networkOfConnector(snapshot, connector)),
    publicKey: connector.publicKey,
    overlayAddresses: [...connector.overlayAddresses],
    listenPort: connector.listenPort,
    endpoint: configuredEndpoint ?? observedEndpoint,
    endpointOrigin: configuredEndpoint === null ? known : 'operator',
    ...connectorStatus(facts),
    lastSeenAt: lastSeenAt === undefined ? null : time(lastSeenAt),
    appliedRevision: report?.isApplied === true ? report.version.revision : null,
    pending: report?.pending ?? [],
    peers: report?.peers ?? [],
    createdAt: time(connector.createdAt),
  };
}

export function routeResource(snapshot: Snapshot, route: Route): RouteResource {
  const site = rowOf(snapshot, 'sites', route.siteId);
  const proposer = snapshot.connectors.get(route.proposedByConnectorId ?? '');
  return {
    id: route.id,
    prefix: route.prefix,
    site: reference(site),
    network: reference(networkOfSite(snapshot, site)),
    state: route.state,
    proposedBy: proposer === undefined ? null : reference(proposer),
    assignment: route.state === 'approved' ? assignmentOf(snapshot, site) : null,
    createdAt: time(route.createdAt),
  };
}

export function enrollmentTokenResource(
  snapshot: Snapshot,
  token: EnrollmentToken,
  now: Milliseconds,
): EnrollmentTokenResource {
  const site = rowOf(snapshot, 'sites', token.siteId);
  return {
    id: token.id,
    site: reference(site),
    network: reference(networkOfSite(snapshot, site)),
    state: enrollmentTokenState(token, now),
    uses: token.uses,
    maxUses: token.maxUses,
    expiresAt: time(token.expiresAt),
    createdAt: time(token.createdAt),
  };
}

export function apiTokenResource({ id, name, expiresAt, createdAt }: ApiToken): ApiTokenResource {
  return {
    id,
    name,
    expiresAt: expiresAt === null ? null : time(expiresAt),
    createdAt: time(createdAt),
  };
}

export function lookupMatchResource(
  match: LookupMatch,
  factsOf: (connectorId: string) => ConnectorFacts,
): LookupResource['matches'][number] {
  const { network, kind, prefix, site, connector, alternatives } = match;
  return {
    network: reference(network),
    kind,
    prefix,
    site: site && reference(site),
    connector: connector && reference(connector),
    connectorState: connector && connectorStatus(factsOf(connector.id)).state,
    alternatives: alternatives.map(({ route, site: other }) => ({
      prefix: route.prefix,
      site: reference(other),
      state: route.state,
    })),
  };
}

function assignmentOf(snapshot: Snapshot, site: Site): Reference | null {
  const id = site.assignedConnectorId;
  return id === null ? null : reference(rowOf(snapshot, 'connectors', id));
}

function reference({ id, name }: Network | Site | Connector): Reference {
  return { id, name };
}

/** RFC 3339, UTC. */
function time(value: Milliseconds): string {
  return new Date(value).toISOString();
}
