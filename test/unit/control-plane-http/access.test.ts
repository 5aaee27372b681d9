import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACCESS } from '../../../control-plane/http/access.ts';
import { createApi } from '../../../control-plane/http/api.ts';
import type { Api, ApiOptions } from '../../../control-plane/http/context.ts';
import { TestControlPlane } from '../../fakes/control-plane.ts';

// The world of these tests: a control plane with one API token; nothing else.
let world: TestControlPlane;

beforeAll(async () => {
  world = await TestControlPlane.open();
});

afterAll(() => world.close());

const TOKEN_ROUTES = Object.entries(ACCESS)
  .filter(([, access]) => access === 'token')
  .map(([route]) => route.replace(':ref', 'any'));

describe('createApi()', () => {
  test('refuses to build with a route that is not in the access table', async () => {
    const stray = (api: Api) => void api.get('/v1/stray', () => 'seen');
    await expect(createApi({} as ApiOptions, [stray])).rejects.toThrow(
      'Cannot build the API: "GET /v1/stray" is not in the access table',
    );
  });

  test('refuses to build when a row of the table has no route', async () => {
    await expect(createApi({} as ApiOptions, [])).rejects.toThrow('no route for "GET /healthz"');
  });

  test.each(TOKEN_ROUTES)('lets nobody %s without a token', async (route) => {
    const answer = await world.request(route, undefined, { authorization: '' });
    expect(answer).toMatchObject({
      status: 401,
      headers: {
        'content-type': expect.stringMatching('^application/problem\\+json'),
        'www-authenticate': 'Bearer realm="culvert"',
      },
      body: { code: 'unauthenticated', detail: expect.stringContaining('there is no API token') },
    });
  });

  test('lets HEAD in by the row of GET', async () => {
    const stranger = await world.request('HEAD /v1/networks', undefined, { authorization: '' });
    expect(stranger.status).toBe(401);
    expect((await world.request('HEAD /v1/networks')).status).toBe(200);
  });

  test('refuses a token that it does not know, and says so', async () => {
    for (const secret of ['wrong', world.operator.toLowerCase(), `${world.operator}A`]) {
      const answer = await world.request('GET /v1/status', undefined, {
        authorization: `Bearer ${secret}`,
      });
      expect(answer).toMatchObject({
        status: 401,
        headers: { 'www-authenticate': 'Bearer realm="culvert", error="invalid_token"' },
      });
    }
  });

  test('refuses a token from the moment it expires, and one that was deleted', async () => {
    const { secret } = await world.created('POST /v1/api-tokens', {
      name: 'short',
      expiresInSeconds: 60,
    });
    const authorization = `Bearer ${secret}`;
    const ask = async () =>
      (await world.request('GET /v1/status', undefined, { authorization })).status;
    world.clock.advance(59_999);
    expect(await ask()).toBe(200);
    world.clock.advance(1);
    expect(await ask()).toBe(401);

    const other = await world.created('POST /v1/api-tokens', { name: 'other' });
    expect((await world.request(`DELETE /v1/api-tokens/${other.id}`)).status).toBe(204);
    const gone = await world.request('GET /v1/status', undefined, {
      authorization: `Bearer ${other.secret}`,
    });
    expect(gone.status).toBe(401);
  });

  test('answers health and its own description to anybody', async () => {
    for (const route of ['GET /healthz', 'GET /v1/openapi.json']) {
      expect((await world.request(route, undefined, { authorization: '' })).status).toBe(200);
    }
  });
});
