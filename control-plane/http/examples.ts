/**
 * One example of every schema that has a name, all from one small world: network `office`
 * with the sites `hq` and `branch`. A test checks each against its schema.
 *
 * @module
 */
import type { SchemaName } from './document.ts';

const network = { id: 'net_2k8x0w4q6m1z9c7v5b3n', name: 'office' };
const site = { id: 'sit_7h3d9s1k5f0q2w8e6r4t', name: 'branch' };
const connector = { id: 'con_5t9y1u3i7o0p2a4s6d8f', name: 'branch-gateway' };
const createdAt = '2026-03-01T12:00:00.000Z';
const expiresAt = '2026-03-02T12:00:00.000Z';
const publicKey = 'r4cFUfB1WKMKLvMTwYMyqEVpLDXYPYkTxyRDjnGcwlk=';
const prefix = '10.2.0.0/16';

const route = {
  id: 'rou_1q3w5e7r9t0y2u4i6o8p',
  prefix,
  site,
  network,
  state: 'approved',
  proposedBy: null,
  assignment: connector,
  createdAt,
};
const enrollmentToken = {
  id: 'tok_9z7x5c3v1b0n2m4a6s8d',
  site,
  network,
  state: 'usable',
  uses: 0,
  maxUses: 1,
  expiresAt,
  createdAt,
};
const apiToken = { id: 'key_4f6g8h0j2k1l3q5w7e9r', name: 'monitoring', expiresAt: null, createdAt };

export const EXAMPLES: Readonly<Record<SchemaName, object>> = {
  Reference: site,
  Network: {
    ...network,
    overlayPrefixes: ['100.64.0.0/16', 'fd5e:1c0a:77b2::/64'],
    mtuBytes: 1420,
    keepaliveSeconds: 25,
    createdAt,
  },
  NetworkCreate: { name: network.name, overlayPrefixes: ['100.64.0.0/16'] },
  NetworkUpdate: { mtuBytes: 1380 },
  Site: { ...site, network, prefixes: [prefix], assignment: connector, createdAt },
  SiteCreate: { network: network.name, name: site.name, prefixes: [prefix] },
  SiteUpdate: { assignment: connector.name },
  Connector: {
    ...connector,
    site,
    network,
    publicKey,
    overlayAddresses: ['100.64.0.2', 'fd5e:1c0a:77b2::2'],
    listenPort: 51_820,
    endpoint: '198.51.100.7:51820',
    endpointOrigin: 'observed',
    state: 'active',
    reason: 'revision 12 is applied',
    lastSeenAt: createdAt,
    appliedRevision: 12,
    pending: [],
    peers: [{ publicKey, handshakeAgeSeconds: 31, receivedBytes: 148_216, sentBytes: 92_044 }],
    createdAt,
  },
  ConnectorUpdate: { endpoint: '198.51.100.7:51820' },
  Route: route,
  RouteCreate: { site: site.name, prefix },
  RouteUpdate: { state: 'approved' },
  EnrollmentToken: enrollmentToken,
  EnrollmentTokenCreate: { site: site.name, maxUses: 1, expiresInSeconds: 86_400 },
  EnrollmentTokenCreated: { ...enrollmentToken, token: 'culvert-join-1.…' },
  ApiToken: apiToken,
  ApiTokenCreate: { name: apiToken.name },
  ApiTokenCreated: { ...apiToken, secret: '…' },
  Lookup: {
    address: '10.2.0.17',
    matches: [
      {
        network,
        kind: 'route',
        prefix,
        site,
        connector,
        connectorState: 'active',
        alternatives: [],
      },
    ],
  },
  Status: {
    version: '0.1.0',
    epoch: 'k3v9x1',
    revision: 12,
    networks: 1,
    sites: 2,
    routes: { approved: 2, pending: 0 },
    connectors: { active: 2, degraded: 0, inactive: 0 },
  },
  Problem: {
    type: 'urn:culvert:problem:invalid-request',
    title: 'A field of the request is not acceptable',
    status: 400,
    code: 'invalid-request',
    detail: '/prefix: "10.0.0.1/8" has host bits set; did you mean 10.0.0.0/8',
    field: '/prefix',
  },
};
