/**
 * What the agent's commands say when they cannot do what they were told, on a real machine:
 * exit status and words, and that nothing was touched.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatJoinToken, parseJoinToken } from '../../protocol/join-token.ts';
import { expectParsed } from '../../protocol/parsed.ts';
import { OPERATOR_FILE } from './culvert.ts';
import { Lab } from './lab.ts';
import type { Machine, Started } from './machine.ts';
import { eventually } from './wait.ts';

let lab: Lab;
let operator: Machine;
let gateway: Machine;
let untouched: string;
let agent: Started | undefined;

beforeAll(async () => {
  lab = await Lab.create('refusals');
  operator = await lab.addMachine('control-plane');
  gateway = await lab.addMachine('hq-gw', { isRouter: true });
  await lab.cable(
    { machine: operator, device: 'eth0', addresses: ['203.0.113.1/24'] },
    { machine: gateway, device: 'wan0', addresses: ['203.0.113.2/24'] },
  );
  operator.start(
    ['culvert', 'control-plane', 'serve', '--agents-url', 'https://203.0.113.1:8444'],
    { log: 'control-plane' },
  );
  await eventually(
    async () => {
      const isThere = (await operator.attempt(['test', '-s', OPERATOR_FILE])).exitCode === 0;
      return (isThere && operator.logOf('control-plane').includes('serves')) || undefined;
    },
    { ms: 20_000, what: 'the control plane to serve' },
  );
  await operator.run(['culvert', 'network', 'create', 'acme']);
  const hq = ['culvert', 'site', 'create', 'hq', '--network', 'acme', '--prefix', '10.1.0.0/16'];
  await operator.run(hq);
  untouched = await kernelOf(gateway);
});

afterAll(async () => {
  await lab?.destroy();
});

describe('culvert agent join', () => {
  test('refuses what is no token, without repeating it', async () => {
    const { exitCode, stderr } = await join('culvert-join-1.c2VjcmV0');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('copy the whole line')]);
    expect(stderr).not.toContain('c2VjcmV0');
  });

  test('refuses a control plane of another authority, before it sends the secret', async () => {
    const real = expectParsed(parseJoinToken(await newToken()));
    const other = formatJoinToken({ ...real, authorityFingerprint: 'a'.repeat(64) });
    const { exitCode, stderr } = await join(other);
    expect([exitCode, stderr]).toEqual([4, expect.stringContaining('certificate authority')]);
    expect((await join(formatJoinToken(real))).exitCode).toBe(0); // so it was not used up
    expect((await gateway.attempt(['culvert', 'agent', 'leave'])).exitCode).toBe(0);
  });

  test('says that nobody answers', async () => {
    const real = expectParsed(parseJoinToken(await newToken()));
    const away = formatJoinToken({ ...real, urls: ['https://203.0.113.1:9'] });
    const { exitCode, stderr } = await join(away);
    expect([exitCode, stderr]).toEqual([4, expect.stringContaining('Cannot reach')]);
  });

  test('is refused with a token that was revoked, and with one that was used', async () => {
    const revoked = await newToken();
    const { items } = JSON.parse(await operator.run(['culvert', 'token', 'list', '--json']));
    const id = items.findLast((token: { state: string }) => token.state === 'usable').id;
    await operator.run(['culvert', 'token', 'delete', id]);
    const first = await join(revoked);
    expect([first.exitCode, first.stderr]).toEqual([3, expect.stringContaining('revoked')]);

    const used = await newToken();
    expect((await join(used)).exitCode).toBe(0);
    await gateway.run(['mv', '/var/lib/culvert/agent', '/var/lib/culvert/first']); // other keys
    const second = await join(used);
    expect([second.exitCode, second.stderr]).toEqual([3, expect.stringContaining('token-used')]);
    await gateway.run(['rm', '-r', '/var/lib/culvert/agent']);
    await gateway.run(['mv', '/var/lib/culvert/first', '/var/lib/culvert/agent']);
    expect((await join(used)).exitCode).toBe(0); // the same keys again: the same connector
  });

  test.each([
    ['--propose', '10.1.0.1/16', 'did you mean 10.1.0.0/16'],
    ['--endpoint', '203.0.113.2', 'expected one like'],
    ['--name', 'HQ', '1 to 63'],
  ])('refuses %s %s with what would be accepted', async (option, value, words) => {
    const { exitCode, stderr } = await join(await newToken(), option, value);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(option)]);
    expect(stderr).toContain(words);
  });

  test('touches nothing, joined or not', async () => {
    expect(await kernelOf(gateway)).toBe(untouched);
  });
});

describe('culvert agent run', () => {
  test('says that this host has not joined', async () => {
    const bare = await lab.addMachine('bare');
    const { exitCode, stderr } = await bare.attempt(['culvert', 'agent', 'run']);
    expect([exitCode, stderr]).toEqual([5, expect.stringContaining('culvert agent join')]);
  });

  test('says that it may not change the network', async () => {
    const weak = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'];
    const result = await gateway.attempt([...weak, 'culvert', 'agent', 'run']);
    expect([result.exitCode, result.stderr]).toEqual([5, expect.stringContaining('CAP_NET_ADMIN')]);
  });

  test.each([
    ['/usr/bin/wg', 'wireguard-tools'],
    ['/usr/sbin/nft', 'nftables'],
  ])('names the package when %s is missing', async (program, name) => {
    await gateway.run(['mount', '--bind', '/dev/null', program]);
    const { exitCode, stderr } = await gateway.attempt(['culvert', 'agent', 'run']);
    await gateway.run(['umount', program]);
    expect([exitCode, stderr]).toEqual([5, expect.stringContaining(name)]);
  });

  test('is refused beside another agent of the host, whatever its directories', async () => {
    agent = gateway.start(['culvert', 'agent', 'run'], { log: 'agent' });
    await eventually(() => gateway.logOf('agent').includes('agent started') || undefined, {
      ms: 20_000,
      what: 'the agent to start',
    });
    await gateway.run(['cp', '-r', '/var/lib/culvert/agent', '/var/lib/culvert/second']);
    const elsewhere = ['--state-directory', '/var/lib/culvert/second', '--run-directory', '/run/b'];
    const second = await gateway.attempt(['culvert', 'agent', 'run', ...elsewhere]);
    expect([second.exitCode, second.stderr]).toEqual([5, expect.stringContaining('another')]);
    const leaving = await gateway.attempt(['culvert', 'agent', 'leave']);
    expect([leaving.exitCode, leaving.stderr]).toEqual([5, expect.stringContaining('stop it')]);
  });

  test('says to a user without rights what to do', async () => {
    const anybody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    for (const verb of ['run', 'plan', 'status']) {
      const result = await gateway.attempt([...anybody, 'culvert', 'agent', verb]);
      expect([verb, result.exitCode, result.stderr]).toEqual([
        verb,
        5,
        expect.stringMatching(/as root/),
      ]);
    }
  });

  test('does not use keys that others may read', async () => {
    await agent?.stop();
    await gateway.run(['chmod', '644', '/var/lib/culvert/agent/identity.json']);
    const { exitCode, stderr } = await gateway.attempt(['culvert', 'agent', 'run']);
    expect([exitCode, stderr]).toEqual([5, expect.stringContaining('chmod 600')]);
  });
});

async function newToken(): Promise<string> {
  return (await operator.run(['culvert', 'token', 'create', '--site', 'hq'])).trim();
}

function join(token: string, ...options: string[]) {
  return gateway.attempt(['culvert', 'agent', 'join', token, ...options]);
}

/** Links, addresses, routes and rules, as text. */
async function kernelOf(machine: Machine): Promise<string> {
  const looks = [
    ['ip', '-o', 'address'],
    ['ip', 'route', 'show', 'table', 'all'],
    ['nft', 'list', 'ruleset'],
  ];
  return (await Promise.all(looks.map((argv) => machine.run(argv)))).join('\n');
}
