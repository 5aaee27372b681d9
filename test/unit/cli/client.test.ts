import { describe, expect, test } from 'vitest';
import {
  type ApiAnswer,
  type ApiRequest,
  Client,
  RefusedError,
  UnreachableError,
} from '../../../cli/client.ts';

describe('Client.list()', () => {
  test('follows the pages to the last and keeps the filter', async () => {
    const pages = [
      { items: [{ name: 'hq' }], nextCursor: 'c=1&2' },
      { items: [{ name: 'branch' }], nextCursor: null },
    ];
    const { client, sent } = answering(...pages.map((page) => json(200, page)));
    const filter = { network: 'office', name: undefined };
    const names = (await client.list('sites', filter)).map(({ name }) => name);
    expect(names).toEqual(['hq', 'branch']);
    expect(sent.map(({ path }) => path)).toEqual([
      '/v1/sites?network=office',
      '/v1/sites?network=office&cursor=c%3D1%262',
    ]);
  });
});

describe('Client', () => {
  test('writes references so that they stay one part of the path', async () => {
    const { client, sent } = answering(json(200, {}), json(200, {}), json(200, {}));
    await client.show('routes', '10.1.0.0/16', { network: 'a&b' });
    await client.show('sites', '../networks/office?x#y');
    await client.lookup('fd00::1');
    expect(sent.map(({ path }) => path)).toEqual([
      '/v1/routes/10.1.0.0%2F16?network=a%26b',
      '/v1/sites/..%2Fnetworks%2Foffice%3Fx%23y',
      '/v1/lookup?address=fd00%3A%3A1',
    ]);
  });

  test('sends bodies, and takes an empty answer for a deletion', async () => {
    const { client, sent } = answering(json(201, {}), json(200, {}), { status: 204, body: '' });
    await client.create('networks', { name: 'office' });
    await client.update('networks', 'office', { body: { mtuBytes: 1380 } });
    await client.delete('networks', 'office');
    expect(sent).toEqual([
      { method: 'POST', path: '/v1/networks', body: { name: 'office' } },
      { method: 'PATCH', path: '/v1/networks/office', body: { mtuBytes: 1380 } },
      { method: 'DELETE', path: '/v1/networks/office' },
    ]);
  });

  test('throws the problem document of a refusal, also one with a code from the future', async () => {
    const document = {
      ...{ type: 'urn:culvert:problem:too-late', title: 'It is too late', status: 409 },
      ...{ code: 'too-late', detail: 'it is past midnight', field: '/prefix' },
    };
    const error = await answering(json(409, document)).client.status().catch(asIs);
    expect(error).toBeInstanceOf(RefusedError);
    expect(error).toHaveProperty('document', document);
  });

  test.each<[string, ApiAnswer]>([
    ['a page of a proxy', { status: 502, body: '<html>' }],
    ['JSON that is no problem document', json(500, { error: 'x' })],
    ['an answer that is cut off', { status: 200, body: '{"items":[' }],
    ['nothing', { status: 200, body: '' }],
    ['a redirection', { status: 302, body: '' }],
    ['null', { status: 500, body: 'null' }],
  ])('takes %s for no control plane', async (_, answer) => {
    const error = await answering(answer).client.status().catch(asIs);
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toHaveProperty('message', expect.stringContaining(`status ${answer.status}`));
  });
});

function answering(...answers: readonly ApiAnswer[]) {
  const sent: ApiRequest[] = [];
  const client = new Client(async (request) => {
    const answer = answers[sent.length];
    sent.push(request);
    if (answer === undefined) throw new RangeError('one request too many');
    return answer;
  });
  return { client, sent };
}

function json(status: number, value: object): ApiAnswer {
  return { status, body: JSON.stringify(value) };
}

function asIs(error: unknown): unknown {
  return error;
}
