import { randomBytes, X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { identityFingerprintOf } from '../../../control-plane/pki/authority.ts';
import { FAILURE_WINDOW, MAX_FAILURES } from '../../../control-plane/stream/join.ts';
import { JoinAnswerSchema } from '../../../protocol/message.ts';
import { faultsOf } from '../../../protocol/schema.ts';
import { type AgentKey, makeAgentKey } from '../../fakes/agent-key.ts';
import { joinBody, TestControlPlane } from '../../fakes/control-plane.ts';

// The world of these tests: network `office` with the site `branch`, a join token for it that
// may be used once, and an agent's keys.
const WAN = '198.51.100.7';
let world: TestControlPlane;
let token: string;
let key: AgentKey;
const publicKey = randomBytes(32).toString('base64');

beforeEach(async () => {
  world = await TestControlPlane.open();
  await world.makeOffice();
  ({ token } = await world.created('POST /v1/enrollment-tokens', { site: 'branch' }));
  key = await makeAgentKey();
});

afterEach(() => world.close());

describe('JoinDoor.join()', () => {
  test('makes a connector and certifies its key', async () => {
    const outcome = await join();
    if (outcome.kind === 'refuse') throw new Error(outcome.problem.detail);
    const { answer } = outcome;
    expect(faultsOf(JoinAnswerSchema, answer)).toEqual([]);
    expect(answer).toMatchObject({ connector: 'gateway', site: 'branch', network: 'office' });
    const row = world.store.snapshot().connectors.get(answer.connectorId);
    expect(row?.observedEndpoint).toBe(`${WAN}:51820`);
    const certificate = new X509Certificate(answer.certificate);
    expect(certificate.subject).toBe(`CN=${answer.connectorId}`);
    expect(identityFingerprintOf(certificate)).toBe(row?.identityFingerprint);
    expect(world.authority.hasIssued(certificate)).toBe(true);
  });

  test('again with the same keys is the same connector with a fresh certificate', async () => {
    const [first, second] = [await join(), await join()];
    if (first.kind !== 'joined' || second.kind !== 'joined') throw new Error('both join');
    expect(second.answer.connectorId).toBe(first.answer.connectorId);
    expect(second.answer.certificate).not.toBe(first.answer.certificate);
    expect(world.store.snapshot().connectors.size).toBe(1);
  });

  test('lets one of a hundred through that come at once with a single-use token', async () => {
    const keys = await Promise.all(Array.from({ length: 100 }, () => makeAgentKey()));
    const outcomes = await Promise.all(
      keys.map((own, index) =>
        world.controlPlane.door.join(
          joinBody({
            token,
            name: `gw${index}`,
            key: own,
            publicKey: randomBytes(32).toString('base64'),
          }),
          `198.51.100.${index}`,
        ),
      ),
    );
    expect(outcomes.filter(({ kind }) => kind === 'joined')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.kind === 'refuse') expect(outcome.problem.code).toBe('token-used');
    }
  });

  test('refuses a token that is unknown, revoked or expired', async () => {
    const unknown = {
      ...joinBody({ token, name: 'gateway', key, publicKey }),
      secret: 'A'.repeat(43),
    };
    expect(await world.controlPlane.door.join(unknown, WAN)).toMatchObject({
      kind: 'refuse',
      problem: { code: 'token-unknown' },
    });
    world.clock.advance(24 * 60 * 60 * 1000);
    expect(await join()).toMatchObject({ problem: { code: 'token-expired' } });
    const [row] = world.store.snapshot().enrollmentTokens.keys();
    await world.request(`DELETE /v1/enrollment-tokens/${row}`);
    expect(await join()).toMatchObject({ problem: { code: 'token-revoked' } });
  });

  test('names the field that is not acceptable', async () => {
    const body = joinBody({ token, name: 'gateway', key, publicKey });
    for (const [change, field] of [
      [{ proposedPrefixes: ['10.0.0.1/8'] }, '/proposedPrefixes/0'],
      [{ proposedPrefixes: ['0.0.0.0/0'] }, '/proposedPrefixes/0'],
      [{ wireguardPublicKey: 'short' }, '/wireguardPublicKey'],
      [{ certificateRequest: '-----BEGIN nothing' }, '/certificateRequest'],
      [{ name: 'Gateway' }, '/name'],
      [{ role: 'admin' }, '/role'],
    ] as const) {
      const outcome = await world.controlPlane.door.join({ ...body, ...change }, WAN);
      expect(outcome).toMatchObject({ kind: 'refuse', problem: { field } });
    }
    expect(world.store.snapshot().connectors.size).toBe(0);
  });

  test('makes an address wait that was refused too often, and no other', async () => {
    for (let count = 0; count < MAX_FAILURES; count += 1) {
      expect(await world.controlPlane.door.join({}, WAN)).toMatchObject({
        problem: { code: 'invalid-request' },
      });
    }
    expect(await join()).toMatchObject({ problem: { code: 'too-many-requests' } });
    expect(await join('198.51.100.8')).toMatchObject({ kind: 'joined' });
    world.clock.advance(FAILURE_WINDOW);
    expect(await join()).toMatchObject({ kind: 'joined' });
  });

  test('logs refusals without the secret', async () => {
    world.clock.advance(24 * 60 * 60 * 1000);
    await join();
    const [line] = world.log.filter(({ level }) => level === 'warn');
    expect(line).toMatchObject({ fields: { address: WAN, code: 'token-expired' } });
    expect(JSON.stringify(world.log)).not.toContain(token.slice(20));
  });
});

function join(remoteAddress = WAN) {
  const body = joinBody({ token, name: 'gateway', key, publicKey });
  return world.controlPlane.door.join(body, remoteAddress);
}
