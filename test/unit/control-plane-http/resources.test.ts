import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NAMED_SCHEMAS, type SchemaName } from '../../../control-plane/http/document.ts';
import { parseJoinToken } from '../../../protocol/join-token.ts';
import { listOf } from '../../../protocol/rest.ts';
import { faultsOf } from '../../../protocol/schema.ts';
import { AGENTS_URL, NOON, TestControlPlane } from '../../fakes/control-plane.ts';

// The world of these tests: network `office` with the sites `hq` (10.1.0.0/16) and `branch`
// (10.2.0.0/16); at `branch` the connector `gateway`, seen from 198.51.100.7, not connected.
let world: TestControlPlane;

beforeEach(async () => {
  world = await TestControlPlane.open();
  await world.makeOffice();
  await world.join('branch', 'gateway');
});

afterEach(() => world.close());

const COLLECTIONS: readonly (readonly [string, SchemaName])[] = [
  ['networks', 'Network'],
  ['sites', 'Site'],
  ['connectors', 'Connector'],
  ['routes', 'Route'],
  ['enrollment-tokens', 'EnrollmentToken'],
  ['api-tokens', 'ApiToken'],
];

describe('every collection', () => {
  test.each(COLLECTIONS)('/v1/%s lists and shows what its schema says', async (path, name) => {
    const schema = NAMED_SCHEMAS[name];
    const list = await world.request(`GET /v1/${path}`);
    expect(list.status).toBe(200);
    expect(faultsOf(listOf(schema), list.body)).toEqual([]);
    expect(list.body.items.length).toBeGreaterThan(0);
    for (const item of list.body.items) {
      expect((await world.request(`GET /v1/${path}/${item.id}`)).body).toEqual(item);
    }
  });

  test.each(COLLECTIONS)('/v1/%s refuses a filter that it does not know', async (path) => {
    expect(await world.request(`GET /v1/${path}?colour=red`)).toMatchObject({
      status: 400,
      body: { code: 'invalid-request', field: '/colour' },
    });
  });

  test.each(COLLECTIONS)('/v1/%s answers 404 for what is not there', async (path) => {
    expect(await world.request(`GET /v1/${path}/xyz_${'0'.repeat(20)}`)).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
  });

  test('lists in the order of making', async () => {
    world.clock.advance(1000);
    await world.created('POST /v1/sites', { network: 'office', name: 'annex' });
    const { body } = await world.request('GET /v1/sites');
    expect(body.items.slice(-1)).toMatchObject([{ name: 'annex' }]);
    expect(body.nextCursor).toBeNull();
  });
});

describe('/v1/networks', () => {
  test('creates with a Location, shows by name, updates, deletes', async () => {
    const created = await world.request('POST /v1/networks', { name: 'lab' });
    expect(created.status).toBe(201);
    expect(created.headers.location).toBe(`/v1/networks/${created.body.id}`);
    expect(created.body).toMatchObject({ name: 'lab', mtuBytes: 1420, keepaliveSeconds: 25 });
    const patched = await world.request('PATCH /v1/networks/lab', { mtuBytes: 1380 });
    expect(patched).toMatchObject({ status: 200, body: { mtuBytes: 1380 } });
    expect((await world.request('GET /v1/networks/lab')).body).toEqual(patched.body);
    const deleted = await world.request('DELETE /v1/networks/lab');
    expect([deleted.status, deleted.body]).toEqual([204, '']);
    expect((await world.request('GET /v1/networks/lab')).status).toBe(404);
  });

  test('does not delete one that has sites, and names them', async () => {
    expect(await world.request('DELETE /v1/networks/office')).toMatchObject({
      status: 409,
      body: { code: 'in-use', detail: expect.stringContaining('"branch", "hq"') },
    });
  });
});

describe('/v1/sites', () => {
  test('tells sites of one name apart by ?network=', async () => {
    await world.created('POST /v1/networks', { name: 'lab', overlayPrefixes: ['100.65.0.0/16'] });
    const other = await world.created('POST /v1/sites', { network: 'lab', name: 'hq' });
    expect(await world.request('GET /v1/sites/hq')).toMatchObject({
      status: 409,
      body: { code: 'ambiguous-reference', detail: expect.stringContaining(other.id) },
    });
    const found = await world.request('GET /v1/sites/hq?network=lab');
    expect(found.body.id).toBe(other.id);
    expect((await world.request('DELETE /v1/sites/hq?network=lab')).status).toBe(204);
    expect((await world.request('GET /v1/sites/hq')).body.network.name).toBe('office');
    expect(await world.request('GET /v1/sites/hq?network=nowhere')).toMatchObject({
      status: 404,
      body: { field: '/network' },
    });
  });

  test('filters by network and name', async () => {
    world.clock.advance(1000);
    await world.created('POST /v1/networks', { name: 'lab', overlayPrefixes: ['100.65.0.0/16'] });
    await world.created('POST /v1/sites', { network: 'lab', name: 'hq' });
    const names = async (query: string) =>
      (await world.request(`GET /v1/sites${query}`)).body.items.map(
        (site: { name: string; network: { name: string } }) => `${site.network.name}/${site.name}`,
      );
    expect(await names('?name=hq')).toEqual(['office/hq', 'lab/hq']);
    expect(await names('?network=lab')).toEqual(['lab/hq']);
  });

  test('moves the assignment to another connector of the site', async () => {
    world.clock.advance(1000);
    const second = await world.join('branch', 'spare');
    expect((await world.request('GET /v1/sites/branch')).body.assignment.name).toBe('gateway');
    const patched = await world.request('PATCH /v1/sites/branch', { assignment: 'spare' });
    expect(patched.body.assignment).toEqual({ id: second.connectorId, name: 'spare' });
    const { body } = await world.request('GET /v1/routes?site=branch');
    expect(body.items[0].assignment.name).toBe('spare');
  });
});

describe('/v1/connectors', () => {
  test('shows where it is reached and why it is inactive', async () => {
    const { body } = await world.request('GET /v1/connectors/gateway');
    expect(body).toMatchObject({
      site: { name: 'branch' },
      network: { name: 'office' },
      endpoint: '198.51.100.7:51820',
      endpointOrigin: 'observed',
      state: 'inactive',
      lastSeenAt: null,
      appliedRevision: null,
    });
    const patched = await world.request('PATCH /v1/connectors/gateway', {
      endpoint: '192.0.2.1:4500',
    });
    expect(patched.body).toMatchObject({ endpoint: '192.0.2.1:4500', endpointOrigin: 'operator' });
    const reset = await world.request('PATCH /v1/connectors/gateway', { endpoint: null });
    expect(reset.body.endpointOrigin).toBe('observed');
  });

  test('is gone from every list once it is removed', async () => {
    expect((await world.request('DELETE /v1/connectors/gateway')).status).toBe(204);
    expect((await world.request('GET /v1/connectors')).body.items).toEqual([]);
    expect((await world.request('GET /v1/connectors/gateway')).status).toBe(404);
    expect((await world.request('GET /v1/status')).body.connectors.inactive).toBe(0);
  });

  test('cannot be created here', async () => {
    expect(await world.request('POST /v1/connectors', {})).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD' },
    });
  });
});

describe('/v1/routes', () => {
  test('is found by its prefix, and filtered by prefix, site and state', async () => {
    world.clock.advance(1000);
    await world.created('POST /v1/routes', { site: 'hq', prefix: '10.9.0.0/16' });
    await world.request('PATCH /v1/routes/10.9.0.0%2F16', { state: 'pending' });
    const prefixes = async (query: string) =>
      (await world.request(`GET /v1/routes${query}`)).body.items.map(
        (route: { prefix: string }) => route.prefix,
      );
    expect(await prefixes('?state=pending')).toEqual(['10.9.0.0/16']);
    expect(await prefixes('?site=hq')).toEqual(['10.1.0.0/16', '10.9.0.0/16']);
    expect(await prefixes('?prefix=10.2.0.0/16')).toEqual(['10.2.0.0/16']);
    expect((await world.request('DELETE /v1/routes/10.9.0.0%2F16')).status).toBe(204);
    expect(await prefixes('?site=hq')).toEqual(['10.1.0.0/16']);
  });
});

describe('/v1/enrollment-tokens', () => {
  test('shows the join token once, with where and by whom agents are received', async () => {
    const created = await world.created('POST /v1/enrollment-tokens', { site: 'hq' });
    const parsed = parseJoinToken(created.token);
    expect(parsed).toMatchObject({
      ok: true,
      value: { urls: [AGENTS_URL], authorityFingerprint: world.authority.fingerprint },
    });
    const { body } = await world.request(`GET /v1/enrollment-tokens/${created.id}`);
    expect(body).not.toHaveProperty('token');
    expect(body).toMatchObject({
      state: 'usable',
      expiresAt: new Date(NOON + 24 * 60 * 60 * 1000).toISOString(),
    });
  });

  test('revokes by DELETE and stays in the list; expiry shows by itself', async () => {
    const revoked = await world.created('POST /v1/enrollment-tokens', { site: 'hq' });
    await world.created('POST /v1/enrollment-tokens', { site: 'hq', expiresInSeconds: 60 });
    await world.request(`DELETE /v1/enrollment-tokens/${revoked.id}`);
    world.clock.advance(60_000);
    const states = (await world.request('GET /v1/enrollment-tokens')).body.items.map(
      (token: { state: string }) => token.state,
    );
    expect(states.sort()).toEqual(['expired', 'revoked', 'used']);
    const used = await world.request('GET /v1/enrollment-tokens?state=used');
    expect(used.body.items).toHaveLength(1);
  });
});

describe('/v1/lookup', () => {
  test('names network, route, site and connector of an address', async () => {
    const { status, body } = await world.request('GET /v1/lookup?address=10.2.3.4');
    expect(status).toBe(200);
    expect(faultsOf(NAMED_SCHEMAS.Lookup, body)).toEqual([]);
    expect(body).toMatchObject({
      address: '10.2.3.4',
      matches: [
        {
          network: { name: 'office' },
          kind: 'route',
          prefix: '10.2.0.0/16',
          site: { name: 'branch' },
          connector: { name: 'gateway' },
          connectorState: 'inactive',
        },
      ],
    });
  });

  test('is empty for an address of nobody, and refuses what is no address', async () => {
    expect((await world.request('GET /v1/lookup?address=192.0.2.1')).body.matches).toEqual([]);
    for (const query of ['', '?address=10.2.3', '?address=10.2.3.4&address=10.2.3.5']) {
      expect(await world.request(`GET /v1/lookup${query}`)).toMatchObject({
        status: 400,
        body: { field: '/address' },
      });
    }
  });
});

describe('/v1/status', () => {
  test('counts', async () => {
    const { body } = await world.request('GET /v1/status');
    expect(faultsOf(NAMED_SCHEMAS.Status, body)).toEqual([]);
    expect(body).toMatchObject({
      networks: 1,
      sites: 2,
      routes: { approved: 2, pending: 0 },
      connectors: { active: 0, degraded: 0, inactive: 1 },
    });
  });
});
