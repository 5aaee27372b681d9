import { describe, expect, test } from 'vitest';
import { planPeers } from '../../../agent/plan-peers.ts';
import type { DesiredPeer, ObservedPeer } from '../../../agent/state.ts';
import type { Endpoint } from '../../../protocol/endpoint.ts';
import type { PublicKey } from '../../../protocol/keys.ts';
import { type Prefix, prefix } from '../../../protocol/net.ts';
import { BRANCH_KEY as B, PLANT_KEY as P } from './world.ts';

const HQ = prefix('10.1.0.0/16');
const DMZ = prefix('10.9.0.0/24');
const TOLD = '198.51.100.1:51820' as Endpoint;
const LEARNT = '203.0.113.9:40001' as Endpoint;

describe('planPeers()', () => {
  test('is empty when the kernel already agrees, whatever the order', () => {
    const plan = planPeers({
      link: 'culvert0',
      desired: [peer(B, HQ, DMZ), peer(P)],
      observed: [seen(P), seen(B, DMZ, HQ)],
    });
    expect(plan).toEqual({ gain: [], lose: [], remove: [] });
  });

  test('gives a prefix to its new owner before the old one lets go', () => {
    const plan = planPeers({
      link: 'culvert0',
      desired: [peer(B), peer(P, HQ)],
      observed: [seen(B, HQ), seen(P)],
    });
    expect(plan.gain.map((operation) => operation.peer.publicKey)).toEqual([P]);
    expect(plan.lose.map((operation) => operation.peer.publicKey)).toEqual([B]);
  });

  test('keeps the endpoint of a session that is in use, and replaces a dead one', () => {
    const desired = [{ ...peer(B, HQ), endpoint: TOLD }];
    const planAt = (handshakeAgeSeconds: number) =>
      planPeers({
        link: 'culvert0',
        desired,
        observed: [{ ...seen(B, HQ), endpoint: LEARNT, handshakeAgeSeconds }],
      });
    expect(planAt(179).lose).toEqual([]);
    expect(planAt(180).lose.map((operation) => operation.peer.endpoint)).toEqual([TOLD]);
  });

  test('keeps a learnt endpoint when it is told none', () => {
    const observed = [{ ...seen(B, HQ), endpoint: LEARNT }];
    const plan = planPeers({ link: 'culvert0', desired: [peer(B, HQ)], observed });
    expect(plan).toEqual({ gain: [], lose: [], remove: [] });
  });

  test('changes the keepalive of a peer without touching the others', () => {
    const desired = [{ ...peer(B, HQ), keepaliveSeconds: 0 }, peer(P, DMZ)];
    const plan = planPeers({
      link: 'culvert0',
      desired,
      observed: [seen(B, HQ), seen(P, DMZ)],
    });
    expect(plan.lose.map((operation) => operation.peer.publicKey)).toEqual([B]);
    expect(plan.gain).toEqual([]);
  });

  test('removes a peer that is not wanted', () => {
    const plan = planPeers({ link: 'culvert0', desired: [], observed: [seen(B, HQ)] });
    expect(plan.remove).toEqual([{ kind: 'remove-peer', link: 'culvert0', publicKey: B }]);
  });

  test('throws when two peers claim one prefix', () => {
    const desired = [peer(B, HQ), peer(P, HQ)];
    expect(() => planPeers({ link: 'culvert0', desired, observed: [] })).toThrow(RangeError);
  });
});

function peer(publicKey: PublicKey, ...allowedIps: Prefix[]): DesiredPeer {
  return { publicKey, allowedIps, keepaliveSeconds: 25 };
}

function seen(publicKey: PublicKey, ...allowedIps: Prefix[]): ObservedPeer {
  return { ...peer(publicKey, ...allowedIps), receivedBytes: 0, sentBytes: 0 };
}
