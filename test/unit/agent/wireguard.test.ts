import { describe, expect, test } from 'vitest';
import { type Argv, CommandError, type Run, type RunOptions } from '../../../agent/kernel/run.ts';
import {
  observeDevice,
  removePeers,
  setDevice,
  setPeers,
} from '../../../agent/kernel/wireguard.ts';
import type { DesiredPeer } from '../../../agent/state.ts';
import type { Endpoint } from '../../../protocol/endpoint.ts';
import type { PublicKey } from '../../../protocol/keys.ts';
import { prefix } from '../../../protocol/net.ts';
import { Secret } from '../../../protocol/secret.ts';

const PRIVATE = 'YHw6gD7cNrTzTGaBNaMBcVlEYUmaeCyvfQXQ7VzWJHI=';
const HQ = 'h'.repeat(42).concat('A=') as PublicKey;
const BRANCH = 'b'.repeat(42).concat('A=') as PublicKey;

describe('observeDevice()', () => {
  test('is undefined for a device that went away since it was listed', async () => {
    const { run } = recorder((argv) => (argv.includes('dump') ? undefined : 'other0\n'));
    expect(await observeDevice(run, 'culvert0', 0)).toBeUndefined();
  });

  test('throws for a device that is listed and cannot be read', async () => {
    const { run } = recorder((argv) => (argv.includes('dump') ? undefined : 'culvert0 other0\n'));
    await expect(observeDevice(run, 'culvert0', 0)).rejects.toThrow(CommandError);
  });
});

describe('setDevice()', () => {
  test('passes the private key by descriptor and never as an argument', async () => {
    const { run, calls } = recorder(() => '');
    const operation = { kind: 'set-device', link: 'culvert0', publicKey: HQ, listenPort: 51_820 };
    await setDevice(run, operation as Parameters<typeof setDevice>[1], () => new Secret(PRIVATE));
    expect(calls[0]?.argv.join(' ')).toBe(
      'wg set culvert0 private-key /proc/self/fd/3 listen-port 51820',
    );
    expect(calls[0]?.options?.secret?.reveal()).toBe(PRIVATE);
  });
});

describe('setPeers()', () => {
  test('writes sections that name only what is to be said', async () => {
    const { run, calls } = recorder(() => '');
    const endpoint = '[2001:db8::1]:51820' as Endpoint;
    const allowedIps = [prefix('10.2.0.0/16'), prefix('fd02::/48')];
    await setPeers(run, 'culvert0', [
      { publicKey: BRANCH, allowedIps, endpoint, keepaliveSeconds: 25 },
      { publicKey: HQ, allowedIps: [], keepaliveSeconds: 0 },
    ]);
    expect(calls[0]?.argv).toEqual(['wg', 'addconf', 'culvert0', '/proc/self/fd/3']);
    expect(calls[0]?.options?.secret?.reveal()).toBe(`[Peer]
PublicKey = ${BRANCH}
PersistentKeepalive = 25
AllowedIPs = 10.2.0.0/16, fd02::/48
Endpoint = [2001:db8::1]:51820

[Peer]
PublicKey = ${HQ}
PersistentKeepalive = 0
`);
  });

  test('sets and removes many peers in few calls, each once and in order', async () => {
    const keys = Array.from({ length: 2_500 }, (_, i) => {
      return Buffer.alloc(32, `${i}`.padStart(32)).toString('base64') as PublicKey;
    });
    const { run, calls } = recorder(() => '');
    const peers = keys.map((publicKey): DesiredPeer => {
      return { publicKey, allowedIps: [], keepaliveSeconds: 0 };
    });
    await setPeers(run, 'culvert0', peers);
    const named = calls.flatMap(({ options }) =>
      [...(options?.secret?.reveal() ?? '').matchAll(/PublicKey = (.*)/g)].map(([, key]) => key),
    );
    expect(named).toEqual(keys);
    expect(calls).toHaveLength(3);

    calls.length = 0;
    await removePeers(run, 'culvert0', keys);
    const removed = calls.flatMap(({ argv }) => argv.filter((word) => word.endsWith('=')));
    expect(removed).toEqual(keys);
    expect(Math.max(...calls.map(({ argv }) => argv.join(' ').length))).toBeLessThan(20_000);
  });
});

/** Answers for wg(8); undefined is a failure of it. */
function recorder(answer: (argv: Argv) => string | undefined) {
  const calls: { argv: Argv; options: RunOptions | undefined }[] = [];
  const run: Run = async (argv, options) => {
    calls.push({ argv, options });
    const said = answer(argv);
    if (said !== undefined) return said;
    throw new CommandError(argv, { exitCode: 1, stderr: 'No such device', reason: 'failed' });
  };
  return { run, calls };
}
