/**
 * The lab itself: that machines are apart from this one and from each other, and that nothing
 * of them is left, whatever end they come to.
 */
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { CommandFailed, ended, execute, launchPiped } from './command.ts';
import { Lab } from './lab.ts';
import { sweep, tracesOf } from './leftovers.ts';
import type { Machine } from './machine.ts';
import { eventually } from './wait.ts';

let lab: Lab | undefined;

afterEach(async () => {
  await lab?.destroy();
  lab = undefined;
});

describe('Machine', () => {
  test('keeps what it writes, its name and its network to itself', async () => {
    const { machine } = await createAlone();

    const name = `/etc/culvert-lab-test-${process.pid}`;
    await machine.run(['touch', name, '/run/mark', '/var/lib/mark', '/root/.config-mark']);

    expect((await machine.run(['hostname'])).trim()).toBe('alone');
    expect((await machine.run(['ls', '/sys/class/net'])).trim()).toBe('lo');
    expect((await machine.run(['ls', '/run/mark', name])).trim().split('\n')).toHaveLength(2);
    for (const path of [name, '/run/mark', '/var/lib/mark', '/root/.config-mark']) {
      expect(existsSync(path), path).toBe(false);
    }
  });

  test('run() throws with what the command said, when it fails', async () => {
    const { machine } = await createAlone();

    const failing = machine.run(['ip', 'link', 'show', 'wan7']);

    await expect(failing).rejects.toThrow(CommandFailed);
    await expect(failing).rejects.toThrow(/wan7/);
  });

  test('start() gives a handle that signals the program itself', async () => {
    const { machine } = await createAlone();
    const script = 'trap "echo told; exit 7" TERM; echo ready; while :; do sleep 0.05; done';
    const started = machine.start(['bash', '-c', script], { log: 'trap' });
    await eventually(() => machine.logOf('trap').includes('ready') || undefined, {
      ms: 5000,
      what: 'the trap',
    });

    await started.stop();

    expect(machine.logOf('trap')).toContain('told');
    expect(started.isRunning).toBe(false);
  });
});

describe('Lab', () => {
  test('cable() and plug() carry IPv4 and IPv6', async () => {
    const { machine: a, lab: own } = await createAlone();
    const [b, c] = [await own.addMachine('b'), await own.addMachine('c')];
    await own.cable(
      { machine: a, device: 'eth0', addresses: ['10.0.0.1/24', 'fd00::1/64'] },
      { machine: b, device: 'eth0', addresses: ['10.0.0.2/24', 'fd00::2/64'] },
    );
    await own.plug({ machine: a, device: 'eth1', addresses: ['10.0.1.1/24'] }, 'lan');
    await own.plug({ machine: c, device: 'eth0', addresses: ['10.0.1.3/24'] }, 'lan');

    for (const address of ['10.0.0.2', 'fd00::2', '10.0.1.3']) {
      const { exitCode } = await a.attempt(['ping', '-c', '1', '-W', '1', address]);
      expect(exitCode, address).toBe(0);
    }
    expect((await a.attempt(['ping', '-c', '1', '-W', '1', '10.0.1.4'])).exitCode).toBe(1);
  });

  test('destroy() leaves no process, no namespace and no folder', async () => {
    const { lab: own, machine } = await createAlone();
    const namespace = namespaceOf(machine);
    await machine.run(['setsid', '--fork', 'sleep', '3600']);
    expect(processesIn(namespace).length).toBeGreaterThan(1);

    await own.destroy();

    expect(processesIn(namespace)).toEqual([]);
    expect(tracesOf(process.pid)).toEqual([]);
  });

  test('ends with an owner that is killed, daemons included', async () => {
    const owner = launchPiped([process.execPath, OWNER_PROGRAM], '/dev/null');
    const said = await new Promise<string>((resolve) =>
      owner.stdout?.once('data', (data) => resolve(String(data))),
    );
    const namespace = readlinkSync(`/proc/${Number(said)}/ns/net`);
    expect(processesIn(namespace).length).toBeGreaterThan(1);

    owner.kill('SIGKILL');
    await ended(owner);

    await eventually(() => processesIn(namespace).length === 0 || undefined, {
      ms: 5000,
      what: 'the machine to end with its owner',
    });
    const left = tracesOf(mustHavePid(owner.pid));
    expect(left.filter(({ kind }) => kind !== 'folder')).toEqual([]);
    sweep(); // Or that of another lab, which was faster.
    expect(tracesOf(mustHavePid(owner.pid))).toEqual([]);
  });
});

describe('sweep()', () => {
  test('leaves the labs of living owners alone', async () => {
    const { lab: own, machine } = await createAlone();

    sweep();

    expect(existsSync(own.folder)).toBe(true);
    expect(await machine.run(['echo', 'alive'])).toBe('alive\n');
  });
});

describe('execute()', () => {
  test('kills what does not end in time', async () => {
    const start = performance.now();

    await expect(execute(['sleep', '60'], { timeoutMs: 100 })).rejects.toThrow(/100 ms/);

    expect(performance.now() - start).toBeLessThan(5000);
  });

  test('does not wait for a daemon that keeps the output open', async () => {
    const start = performance.now();

    const { stdout } = await execute(['sh', '-c', 'sleep 3 & echo done']);

    expect(stdout).toBe('done\n');
    expect(performance.now() - start).toBeLessThan(2500);
  });
});

const OWNER_PROGRAM = join(import.meta.dirname, 'lab-owner-program.ts');

async function createAlone(): Promise<{ lab: Lab; machine: Machine }> {
  const own = await Lab.create('lab-test');
  lab = own;
  return { lab: own, machine: await own.addMachine('alone') };
}

function namespaceOf({ initPid }: Machine): string {
  return readlinkSync(`/proc/${initPid}/ns/net`);
}

function processesIn(namespace: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^[0-9]+$/.test(pid) && readlinkSync(`/proc/${pid}/ns/net`) === namespace;
    } catch {
      return false; // It ended since the listing.
    }
  });
}

function mustHavePid(pid: number | undefined): number {
  if (pid === undefined) throw new RangeError('The owner was never started');
  return pid;
}
