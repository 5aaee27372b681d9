/**
 * Decides changes of connectors that have joined. Pure. How one is made is in
 * `join-connector.ts`.
 *
 * @module
 */
import { type Endpoint, formatEndpoint } from '../../protocol/endpoint.ts';
import type { Name } from '../../protocol/name.ts';
import type { Address } from '../../protocol/net.ts';
import { change, put, refuse, remove, unchanged } from './decision.ts';
import { resolve } from './reference.ts';
import {
  connectorsOfNetwork,
  connectorsOfSite,
  isLiving,
  networkOfConnector,
  routesOfSite,
  siteOfConnector,
} from './snapshot.ts';
import type { ChangeContext, Connector, Decision, Snapshot, Write } from './types.ts';

export type ConnectorPatch = {
  /** Id or name. */
  readonly connector: string;
  readonly name?: Name | undefined;
  /** Null: use the address that the control plane observes. */
  readonly endpoint?: Endpoint | null | undefined;
};

/** Where peers send to: what an operator or the agent said, else what was observed. */
export function endpointOf(connector: Connector): Endpoint | null {
  return connector.configuredEndpoint ?? connector.observedEndpoint;
}

export function updateConnector(snapshot: Snapshot, patch: ConnectorPatch): Decision<Connector> {
  const found = resolve(snapshot, 'connectors', patch.connector);
  if (found.kind === 'refuse') return found;
  const before = found.row;
  const { name = before.name, endpoint = before.configuredEndpoint } = patch;
  const network = networkOfConnector(snapshot, before);
  const others = connectorsOfNetwork(snapshot, network.id).filter(({ id }) => id !== before.id);
  if (others.some((other) => other.name === name)) {
    return refuse(
      'name-taken',
      `network "${network.name}" has a connector "${name}" already`,
      '/name',
    );
  }
  const connector: Connector = { ...before, name, configuredEndpoint: endpoint };
  return replaceConnector(before, connector);
}

/**
 * Leaves a tombstone. Its assignment goes to the oldest other living connector of the site,
 * its pending proposals go; routes that were approved belong to the site and stay.
 */
export function removeConnector(
  snapshot: Snapshot,
  input: { readonly connector: string },
  context: Pick<ChangeContext, 'now'>,
): Decision<Connector> {
  const found = resolve(snapshot, 'connectors', input.connector);
  if (found.kind === 'refuse') return found;
  const tombstone: Connector = { ...found.row, removedAt: context.now };
  const site = siteOfConnector(snapshot, tombstone);
  const writes: Write[] = [put('connectors', tombstone)];
  if (site.assignedConnectorId === tombstone.id) {
    const heir = connectorsOfSite(snapshot, site.id).find(({ id }) => id !== tombstone.id);
    writes.push(put('sites', { ...site, assignedConnectorId: heir?.id ?? null }));
  }
  const proposals = routesOfSite(snapshot, site.id).filter(
    (route) => route.state === 'pending' && route.proposedByConnectorId === tombstone.id,
  );
  writes.push(...proposals.map((route) => remove('routes', route)));
  return change(tombstone, { writes, reachesAgents: true });
}

/**
 * Records the address that the agent's stream came from. Peers hear of it only where no other
 * endpoint was set.
 */
export function setObservedEndpoint(
  snapshot: Snapshot,
  input: { readonly connectorId: string; readonly address: Address },
): Decision<Connector> {
  const before = snapshot.connectors.get(input.connectorId);
  if (before === undefined) {
    return refuse('connector-unknown', `there is no connector "${input.connectorId}"`);
  }
  if (!isLiving(before)) {
    return refuse('connector-removed', `connector "${before.name}" was removed`);
  }
  const observedEndpoint = formatEndpoint(input.address, before.listenPort);
  return replaceConnector(before, { ...before, observedEndpoint });
}

function replaceConnector(before: Connector, after: Connector): Decision<Connector> {
  const isSame =
    before.name === after.name &&
    before.configuredEndpoint === after.configuredEndpoint &&
    before.observedEndpoint === after.observedEndpoint;
  if (isSame) return unchanged(before);
  return change(after, {
    writes: [put('connectors', after)],
    reachesAgents: before.name !== after.name || endpointOf(before) !== endpointOf(after),
  });
}
