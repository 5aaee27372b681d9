import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ProblemSchema } from '../../../control-plane/http/problems.ts';
import { faultsOf } from '../../../protocol/schema.ts';
import { TestControlPlane } from '../../fakes/control-plane.ts';

// The world of these tests: network `office` with the sites `hq` (10.1.0.0/16) and `branch`.
let world: TestControlPlane;

beforeEach(async () => {
  world = await TestControlPlane.open();
  await world.makeOffice();
});

afterEach(() => world.close());

describe('a refusal', () => {
  test.each([
    [
      'names the field and what would be accepted',
      'POST /v1/routes',
      { site: 'hq', prefix: '10.0.0.1/8' },
      {
        status: 400,
        code: 'invalid-request',
        detail: '/prefix: "10.0.0.1/8" has host bits set; did you mean 10.0.0.0/8',
        field: '/prefix',
      },
    ],
    [
      'points into an array',
      'POST /v1/sites',
      { network: 'office', name: 'annex', prefixes: ['10.3.0.0/16', '10.4.0.0'] },
      { status: 400, field: '/prefixes/1', detail: expect.stringContaining('10.4.0.0/32') },
    ],
    [
      'names a missing field',
      'POST /v1/sites',
      { network: 'office' },
      { status: 400, field: '/name', detail: '/name: is required' },
    ],
    [
      'names a field that is not known',
      'POST /v1/networks',
      { name: 'lab', colour: 'red' },
      { status: 400, field: '/colour', detail: '/colour: is not a known field' },
    ],
    [
      'says that nothing would change',
      'PATCH /v1/networks/office',
      {},
      { status: 400, field: '', detail: 'the body: expected at least one field' },
    ],
    [
      'is the model’s where the model refuses',
      'POST /v1/routes',
      { site: 'branch', prefix: '10.1.4.0/24' },
      {
        status: 409,
        code: 'route-conflict',
        field: '/prefix',
        detail: expect.stringMatching(/10\.1\.0\.0\/16.*hq/),
      },
    ],
    [
      'keeps special-purpose prefixes out',
      'POST /v1/sites',
      { network: 'office', name: 'annex', prefixes: ['0.0.0.0/0'] },
      { status: 400, code: 'special-purpose-prefix', field: '/prefixes/0' },
    ],
    [
      'says what is not JSON',
      'POST /v1/networks',
      '{"name": ',
      { status: 400, code: 'malformed-json' },
    ],
    [
      'says that the body is empty',
      'POST /v1/networks',
      '',
      { status: 400, code: 'invalid-request', detail: 'the body: must be object' },
    ],
    [
      'says that the body is too large',
      'POST /v1/networks',
      { name: 'x'.repeat(300 * 1024) },
      { status: 413, code: 'too-large' },
    ],
    [
      'does not let a body set a prototype',
      'POST /v1/networks',
      '{"name":"lab","__proto__":{"a":1}}',
      { status: 400, code: 'malformed-json' },
    ],
  ])('%s', async (_, route, body, expected) => {
    const answer = await world.request(route, body);
    expect(answer.body).toMatchObject(expected);
    expect(faultsOf(ProblemSchema, answer.body)).toEqual([]);
    expect(answer.status).toBe(answer.body.status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });

  test('says which media type is expected', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'text/json']) {
      const answer = await world.request('POST /v1/networks', 'name=lab', { 'content-type': type });
      expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported-media-type' } });
    }
  });

  test('tells an unknown path from a method that is not taken', async () => {
    expect(await world.request('GET /v1/nothing')).toMatchObject({
      status: 404,
      body: { code: 'not-found', detail: 'there is no "/v1/nothing"' },
    });
    expect(await world.request('PUT /v1/networks/office')).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD, PATCH, DELETE' },
      body: { code: 'method-not-allowed' },
    });
  });

  test('says that a path cannot be decoded', async () => {
    expect(await world.request('GET /v1/networks/%zz')).toMatchObject({
      status: 400,
      body: { code: 'invalid-request' },
    });
  });

  test('tells nothing of a fault of ours, and logs it', async () => {
    await world.store.close(); // the next change throws
    const answer = await world.request('POST /v1/networks', { name: 'lab' });
    expect(answer).toMatchObject({
      status: 500,
      body: { code: 'internal', detail: 'the control plane failed; its log says why' },
    });
    expect(world.log).toContainEqual({
      level: 'error',
      message: 'request failed',
      fields: expect.objectContaining({ path: '/v1/networks', err: expect.any(Error) }),
    });
  });
});

describe('the log', () => {
  test('holds who changed what, and no secret', async () => {
    const created = await world.created('POST /v1/enrollment-tokens', { site: 'hq' });
    expect(world.log).toContainEqual({
      level: 'info',
      message: 'changed by the API',
      fields: {
        method: 'POST',
        path: '/v1/enrollment-tokens',
        address: '127.0.0.1',
        token: 'operator',
      },
    });
    const text = JSON.stringify(world.log);
    expect(text).not.toContain(world.operator);
    expect(text).not.toContain(created.token.slice(20));
  });
});
