import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UnreadableError } from '../../../agent/kernel/unreadable-error.ts';
import { parseDump } from '../../../agent/kernel/wireguard.ts';
import { formatEndpoint } from '../../../protocol/endpoint.ts';
import { anyAddress, densePrefix, publicKey } from '../../fakes/arbitrary.ts';

// `wg show culvert0 dump` of the gateway `hq`: what wireguard-tools 1.0.20210914 prints.
const NOW = 1_700_000_000;
const PRIVATE = 'cHJpdmF0ZSBrZXkgb2YgdGhlIGdhdGV3YXkgaHEuLi4=';
const HQ = 'rOejXvk/FCPMQv0Bs5u0PlOPdxLAI7cE2Kppgt97dDQ=';
const BRANCH = 'TtlTsmBo4rqWXuT7d42FvOOMUmsM9KeOEBb3n7zdskY=';

describe('parseDump()', () => {
  test('reads a fresh device, which has neither key nor peers', () => {
    expect(parseDump('culvert0', '(none)\t(none)\t58330\toff\n', NOW)).toEqual({
      link: 'culvert0',
      publicKey: undefined,
      listenPort: 58_330,
      peers: [],
    });
  });

  test('reads peers with their session and traffic, in canonical form', () => {
    const dump = [
      `${PRIVATE}\t${HQ}\t51820\toff`,
      `${BRANCH}\t(none)\t[2001:db8:0:0::1]:33\t10.1.0.0/16,::10.0.0.0/104\t${NOW - 7}\t9\t5\t25`,
      `${HQ}\t(none)\t(none)\t(none)\t0\t0\t0\toff`,
    ].join('\n');
    expect(parseDump('culvert0', dump, NOW).peers).toEqual([
      {
        publicKey: BRANCH,
        endpoint: '[2001:db8::1]:33',
        allowedIps: ['10.1.0.0/16', '::a00:0/104'],
        handshakeAgeSeconds: 7,
        receivedBytes: 9,
        sentBytes: 5,
        keepaliveSeconds: 25,
      },
      {
        publicKey: HQ,
        endpoint: undefined,
        allowedIps: [],
        handshakeAgeSeconds: undefined,
        receivedBytes: 0,
        sentBytes: 0,
        keepaliveSeconds: 0,
      },
    ]);
  });

  test('takes an endpoint that no configuration can say for none', () => {
    for (const endpoint of ['[fe80::1%eth0]:51820', '198.51.100.1:0']) {
      const dump = `(none)\t(none)\t0\toff\n${BRANCH}\t(none)\t${endpoint}\t(none)\t0\t0\t0\toff`;
      expect(parseDump('culvert0', dump, NOW).peers[0]?.endpoint).toBeUndefined();
    }
  });

  test('calls a handshake in the future, after a clock was set back, one of this moment', () => {
    const handshake = `${NOW + 60}`;
    const peer = `${BRANCH}\t(none)\t(none)\t(none)\t${handshake}\t0\t0\toff`;
    const dump = `(none)\t(none)\t0\toff\n${peer}`;
    expect(parseDump('culvert0', dump, NOW).peers[0]?.handshakeAgeSeconds).toBe(0);
  });

  test('gives back every device that wg(8) can print', () => {
    const peer = fc.record({
      publicKey: publicKey(),
      endpoint: fc.option(
        fc
          .tuple(anyAddress(), fc.integer({ min: 1, max: 65_535 }))
          .map((e) => formatEndpoint(...e)),
        { nil: undefined },
      ),
      allowedIps: fc.array(fc.oneof(densePrefix(4), densePrefix(6)), { maxLength: 3 }),
      handshakeAgeSeconds: fc.option(fc.nat({ max: 10_000 }), { nil: undefined }),
      receivedBytes: fc.maxSafeNat().filter((bytes) => bytes < 1e16),
      sentBytes: fc.nat(),
      keepaliveSeconds: fc.nat({ max: 65_535 }),
    });
    fc.assert(
      fc.property(fc.array(peer, { maxLength: 3 }), (peers) => {
        const lines = peers.map((p) =>
          [
            p.publicKey,
            '(none)',
            p.endpoint ?? '(none)',
            p.allowedIps.join() || '(none)',
            p.handshakeAgeSeconds === undefined ? 0 : NOW - p.handshakeAgeSeconds,
            p.receivedBytes,
            p.sentBytes,
            p.keepaliveSeconds || 'off',
          ].join('\t'),
        );
        const dump = [`${PRIVATE}\t${HQ}\t51820\t0xca6c`, ...lines, ''].join('\n');
        expect(parseDump('culvert0', dump, NOW)).toEqual({
          link: 'culvert0',
          publicKey: HQ,
          listenPort: 51_820,
          peers,
        });
      }),
    );
  });

  test('refuses anything else with its own error, which quotes no key', () => {
    const peer = `${BRANCH}\t${PRIVATE}\t(none)\t10.1.0.0/16\t0\t0\t0\toff`;
    const good = `${PRIVATE}\t${HQ}\t51820\toff\n${peer}\n`;
    const damaged = fc
      .tuple(fc.nat({ max: good.length }), fc.nat({ max: 40 }), fc.string({ maxLength: 8 }))
      .map(([at, cut, text]) => good.slice(0, at) + text + good.slice(at + cut));
    fc.assert(
      fc.property(fc.oneof(damaged, fc.string({ unit: 'binary' })), (dump) => {
        try {
          parseDump('culvert0', dump, NOW);
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableError);
          expect((error as Error).message).not.toContain(PRIVATE.slice(0, 16));
        }
      }),
      { numRuns: 500 },
    );
  });
});
