import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compileConnector } from '../../../control-plane/model/compile.ts';
import { identityFingerprintOf } from '../../../control-plane/pki/authority.ts';
import type { Session } from '../../../control-plane/stream/session.ts';
import type { Version } from '../../../protocol/configuration.ts';
import { makeAgentKey } from '../../fakes/agent-key.ts';
import { type Member, TestControlPlane } from '../../fakes/control-plane.ts';
import { FakeTransport } from '../../fakes/transport.ts';

// The world of these tests: network `office` with the sites `hq` (10.1.0.0/16) and `branch`
// (10.2.0.0/16) and a connector at each, `hq-gw` and `branch-gw`, both joined, not connected.
let world: TestControlPlane;
let hq: Member;
let branch: Member;

beforeEach(async () => {
  world = await TestControlPlane.open();
  await world.makeOffice();
  hq = await world.join('hq', 'hq-gw', '198.51.100.1');
  branch = await world.join('branch', 'branch-gw', '198.51.100.2');
});

afterEach(() => world.close());

describe('Hub: an agent says hello', () => {
  test('and gets the whole configuration when it holds nothing', () => {
    const { transport } = connect(hq);
    expect(transport.take().map(({ type }) => type)).toEqual(['configuration']);
    expect(transport.configuration).toEqual(
      compileConnector(world.store.snapshot(), hq.connectorId),
    );
  });

  test('and is current when it holds that configuration', () => {
    const first = connect(hq);
    const held = versionOf(first.transport);
    first.session.closed();
    const { transport } = connect(hq, { held });
    expect(transport.take()).toEqual([{ type: 'current', version: held }]);
  });

  test('and gets the whole when digest or epoch is another', () => {
    const held = versionOf(connect(hq).transport);
    for (const other of [
      { ...held, digest: '0'.repeat(64) as Version['digest'] },
      { ...held, epoch: 'restored' },
    ]) {
      const { transport } = connect(hq, { held: other });
      expect(transport.take().map(({ type }) => type)).toEqual(['configuration']);
    }
  });

  test('in another protocol version and is refused with the one that is spoken', () => {
    const { transport } = connect(hq, { protocolVersion: 2 });
    expect(transport.closed).toEqual({
      code: 4426,
      reason: 'protocol version 2 is not spoken here; expected 1: install a fitting agent',
    });
    expect(transport.take()).toEqual([]);
  });

  test('too late and is closed', () => {
    const transport = new FakeTransport();
    open(hq, transport);
    world.clock.advance(9_999);
    expect(transport.closed).toBeUndefined();
    world.clock.advance(1);
    expect(transport.closed?.code).toBe(4408);
  });

  test('twice, or something else first, or no message, and is closed', () => {
    const twice = connect(hq);
    twice.session.receive(JSON.stringify(hello()));
    expect(twice.transport.closed).toEqual({ code: 4400, reason: 'a second hello' });

    const eager = new FakeTransport();
    open(hq, eager).receive(JSON.stringify({ type: 'resend', reason: 'none' }));
    expect(eager.closed).toEqual({ code: 4400, reason: 'the first message is not hello' });

    const garbage = new FakeTransport();
    open(hq, garbage).receive('{"type":');
    expect(garbage.closed).toEqual({ code: 4400, reason: 'the message is not JSON' });
  });
});

describe('Hub: a change', () => {
  test('reaches each agent that it concerns as a delta, and nobody else', async () => {
    const [a, b] = [connect(hq), connect(branch)];
    await otherNetwork();
    a.transport.take();
    b.transport.take();
    await world.created('POST /v1/routes', { site: 'branch', prefix: '10.3.0.0/16' });
    expect(a.transport.take()).toMatchObject([
      { type: 'delta', put: [{ kind: 'route', prefix: '10.3.0.0/16' }], remove: [] },
    ]);
    expect(b.transport.take()).toMatchObject([
      { type: 'delta', put: [{ kind: 'local', prefix: '10.3.0.0/16' }], remove: [] },
    ]);
    expectUpToDate(a, hq);
    expectUpToDate(b, branch);
  });

  test('in another network, or one that no agent can see, is not told', async () => {
    const { transport } = connect(hq);
    transport.take();
    await otherNetwork();
    await world.created('POST /v1/api-tokens', { name: 'monitoring' });
    await world.created('POST /v1/sites', { network: 'office', name: 'annex' });
    expect(transport.take()).toEqual([]);
  });

  test('before hello is part of the first configuration', async () => {
    const transport = new FakeTransport();
    const session = open(hq, transport);
    await world.created('POST /v1/routes', { site: 'branch', prefix: '10.3.0.0/16' });
    expect(transport.take()).toEqual([]);
    session.receive(JSON.stringify(hello()));
    expect(transport.take().map(({ type }) => type)).toEqual(['configuration']);
    expectUpToDate({ transport }, hq);
  });

  test('follows on what was sent last, also after `current` and `resend`', async () => {
    const held = versionOf(connect(hq).transport);
    const { transport, session } = connect(hq, { held });
    transport.configuration = compileConnector(world.store.snapshot(), hq.connectorId);
    await world.created('POST /v1/routes', { site: 'branch', prefix: '10.3.0.0/16' });
    session.receive(JSON.stringify({ type: 'resend', reason: 'the digest differs' }));
    await world.created('POST /v1/routes', { site: 'branch', prefix: '10.4.0.0/16' });
    expect(transport.take().map(({ type }) => type)).toEqual([
      'current',
      'delta',
      'configuration',
      'delta',
    ]);
    expectUpToDate({ transport }, hq);
  });

  test('that would break an invariant is not sent, and is logged', async () => {
    const { transport } = connect(hq);
    transport.take();
    const broken = { ...connectorRow(branch), publicKey: connectorRow(hq).publicKey };
    await world.store.change(() => ({
      kind: 'change',
      writes: [{ kind: 'put', table: 'connectors', row: broken }],
      reachesAgents: true,
      result: undefined,
    }));
    expect(transport.take()).toEqual([]);
    expect(transport.closed).toBeUndefined();
    expect(world.log).toContainEqual({
      level: 'error',
      message: expect.stringContaining('breaks an invariant'),
      fields: expect.objectContaining({ network: 'office' }),
    });
    const { body } = await world.request('GET /v1/connectors/hq-gw');
    expect(body).toMatchObject({ state: 'degraded', reason: expect.stringContaining('invariant') });
  });
});

describe('Hub: a connector', () => {
  test('that is removed is told so and closed; its peers forget it', async () => {
    const [a, b] = [connect(hq), connect(branch)];
    a.transport.take();
    b.transport.take();
    await world.request('DELETE /v1/connectors/branch-gw');
    expect(b.transport.take()).toEqual([{ type: 'removed' }]);
    expect(b.transport.closed?.code).toBe(4410);
    expect(a.transport.take()).toMatchObject([
      {
        type: 'delta',
        put: [{ kind: 'route', prefix: '10.2.0.0/16' }], // no longer via anybody
        remove: [expect.stringMatching(/^peer/)],
      },
    ]);
  });

  test('that was removed while it was away is told so when it comes', async () => {
    await world.request('DELETE /v1/connectors/branch-gw');
    const transport = new FakeTransport();
    open(branch, transport);
    expect(transport.take()).toEqual([{ type: 'removed' }]);
    expect(transport.closed?.code).toBe(4410);
  });

  test('that is not known is refused, and never told that it was removed', () => {
    const transport = new FakeTransport();
    open({ connectorId: `con_${'0'.repeat(20)}` }, transport);
    expect(transport.take()).toEqual([]);
    expect(transport.closed).toEqual({ code: 4403, reason: 'no connector has this identity' });
  });

  test('that opens a second stream loses the first, and stays connected when that ends', () => {
    const first = connect(hq);
    const second = connect(hq);
    expect(first.transport.closed?.code).toBe(4409);
    first.session.closed();
    expect(world.controlPlane.hub.statusOf(hq.connectorId).isConnected).toBe(true);
    second.session.closed();
    expect(world.controlPlane.hub.statusOf(hq.connectorId).isConnected).toBe(false);
  });

  test('whose stream two addresses take from each other is logged as a possible clone', () => {
    connect(hq, {}, '198.51.100.1');
    connect(hq, {}, '198.51.100.9'); // a gateway may move once
    expect(world.log.filter(({ level }) => level === 'warn')).toEqual([]);
    connect(hq, {}, '198.51.100.1');
    expect(world.log.filter(({ level }) => level === 'warn')).toMatchObject([
      {
        message: expect.stringContaining('cloned'),
        fields: { connector: 'hq-gw', addresses: ['198.51.100.9', '198.51.100.1'] },
      },
    ]);
  });

  test('that moves slowly between addresses is no clone', () => {
    for (const address of ['198.51.100.1', '198.51.100.9', '198.51.100.1']) {
      connect(hq, {}, address);
      world.clock.advance(60_000);
    }
    expect(world.log.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  test('is told to its peers at the address it is seen from', async () => {
    const { transport } = connect(hq);
    transport.take();
    connect(branch, {}, '::ffff:203.0.113.5');
    await world.store.change(() => unchanged()); // after what the stream asked for
    expect(transport.take()).toMatchObject([
      { type: 'delta', put: [{ kind: 'peer', endpoint: '203.0.113.5:51820' }] },
    ]);
    connect(branch, {}, '127.0.0.1');
    await world.store.change(() => unchanged());
    expect(transport.take()).toEqual([]);
  });
});

describe('Hub: a report', () => {
  test('shows in the status until the configuration changes', async () => {
    const { session, transport } = connect(hq);
    const state = async () => (await world.request('GET /v1/connectors/hq-gw')).body;
    expect(await state()).toMatchObject({ state: 'degraded', appliedRevision: null });
    world.clock.advance(1000);
    const version = versionOf(transport);
    const report = { type: 'report', version, isApplied: true, pending: [], peers: [] };
    session.receive(JSON.stringify(report));
    expect(await state()).toMatchObject({
      state: 'active',
      appliedRevision: version.revision,
      lastSeenAt: new Date(world.clock.now()).toISOString(),
    });
    await world.created('POST /v1/routes', { site: 'branch', prefix: '10.3.0.0/16' });
    expect((await state()).state).toBe('degraded');
    session.closed();
    expect((await state()).state).toBe('inactive');
  });

  test('of a stream that was replaced does not count', async () => {
    const old = connect(hq);
    connect(hq);
    const version = versionOf(old.transport);
    const report = { type: 'report', version, isApplied: true, pending: [], peers: [] };
    old.session.receive(JSON.stringify(report));
    expect(world.controlPlane.hub.statusOf(hq.connectorId).report).toBeUndefined();
  });
});

describe('Hub: a renewal', () => {
  test('gives a certificate of the same key that lasts longer', async () => {
    const { session, transport } = connect(hq);
    world.clock.advance(24 * 60 * 60 * 1000);
    transport.take();
    session.receive(JSON.stringify({ type: 'renew', certificateRequest: hq.key.requestPem }));
    const [message] = await messages(transport);
    if (message?.type !== 'certificate') throw new Error('no certificate came');
    const [before, after] = [hq.certificate, message.certificate].map(
      (pem) => new X509Certificate(pem),
    );
    if (before === undefined || after === undefined) throw new Error('two certificates');
    expect(identityFingerprintOf(after)).toBe(identityFingerprintOf(before));
    expect(after.validToDate.getTime() - before.validToDate.getTime()).toBe(24 * 60 * 60 * 1000);
    expect(message.authority).toBe(world.authority.certificatePem);
  });

  test('of another key is refused', async () => {
    const { session, transport } = connect(hq);
    const other = await makeAgentKey();
    session.receive(JSON.stringify({ type: 'renew', certificateRequest: other.requestPem }));
    await until(() => transport.closed !== undefined);
    expect(transport.closed).toEqual({
      code: 4400,
      reason: 'the certificate request is of another key than the connector joined with',
    });
  });
});

describe('Hub.close()', () => {
  test('says goodbye to every agent and follows no more', async () => {
    const { transport } = connect(hq);
    transport.take();
    world.controlPlane.hub.close();
    expect(transport.closed?.code).toBe(1001);
    await world.created('POST /v1/routes', { site: 'branch', prefix: '10.3.0.0/16' });
    expect(transport.take()).toEqual([]);
  });
});

function hello(fields: object = {}): object {
  return { type: 'hello', protocolVersion: 1, agentVersion: '0.1.0', ...fields };
}

function open(
  { connectorId }: { readonly connectorId: string },
  transport: FakeTransport,
  remoteAddress = '127.0.0.1',
): Session {
  return world.controlPlane.hub.open({ connectorId, remoteAddress, transport });
}

function connect(member: Member, fields: object = {}, remoteAddress = '127.0.0.1') {
  const transport = new FakeTransport();
  const session = open(member, transport, remoteAddress);
  session.receive(JSON.stringify(hello(fields)));
  return { session, transport };
}

function versionOf({ configuration }: FakeTransport): Version {
  if (configuration === undefined) throw new Error('there is no configuration');
  const { epoch, revision, digest } = configuration;
  return { epoch, revision, digest };
}

/** What the agent holds is what a fresh compilation says, found without the hub. */
function expectUpToDate(agent: { readonly transport: FakeTransport }, member: Member): void {
  const { entries, digest } = compileConnector(world.store.snapshot(), member.connectorId);
  expect(new Map(agent.transport.configuration?.entries)).toEqual(new Map(entries));
  expect(agent.transport.configuration?.digest).toBe(digest);
}

function connectorRow(member: Member) {
  const row = world.store.snapshot().connectors.get(member.connectorId);
  if (row === undefined) throw new Error('there is no such connector');
  return row;
}

function unchanged() {
  return { kind: 'change', writes: [], reachesAgents: false, result: undefined } as const;
}

/** Network `lab` with a site and a connector that carries its route. */
async function otherNetwork(): Promise<void> {
  await world.created('POST /v1/networks', { name: 'lab', overlayPrefixes: ['100.65.0.0/16'] });
  await world.created('POST /v1/sites', {
    network: 'lab',
    name: 'bench',
    prefixes: ['10.1.0.0/16'],
  });
  await world.join('bench', 'bench-gw');
}

async function messages(transport: FakeTransport) {
  let taken = transport.take();
  await until(() => {
    taken = [...taken, ...transport.take()];
    return taken.length > 0;
  });
  return taken;
}

/** Waits for what asynchronous work makes true; at most a second. */
async function until(condition: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 100 && !condition(); attempt += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(condition()).toBe(true);
}
