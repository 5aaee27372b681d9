import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { desire, SYSCTL_INTEREST } from '../../../agent/desire.ts';
import { restoreHost } from '../../../agent/leave.ts';
import { reconcile } from '../../../agent/reconcile.ts';
import { SysctlJournal } from '../../../agent/sysctl-journal.ts';
import { address, prefix } from '../../../protocol/net.ts';
import { FakeKernel } from '../../fakes/kernel.ts';
import { configuration, SETTINGS } from './world.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'culvert-leave-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('restoreHost()', () => {
  test('puts every link, address, route, rule and setting back as it was', async () => {
    const kernel = gateway();
    await become(kernel);
    expect(kernel.lines()).not.toEqual(gateway().lines());
    expect(await restoreHost(kernel, new SysctlJournal(directory))).toEqual([]);
    expect(await settings(kernel)).toEqual(await settings(gateway()));
    expect(kernel.lines().filter(isNoSysctl)).toEqual(gateway().lines().filter(isNoSysctl));
  });

  test('remembers the first values, whatever is changed later', async () => {
    const kernel = gateway();
    await become(kernel);
    kernel.writeSysctl('net/ipv4/conf/lan0/forwarding', '0');
    await become(kernel);
    await become(kernel);
    const journal = new SysctlJournal(directory).read();
    expect(journal.get('net/ipv4/conf/lan0/forwarding')).toBe('0');
    expect(journal.get('net/ipv6/conf/wan0/accept_ra')).toBe('1');
  });

  test('says what could not be put back', async () => {
    const kernel = gateway();
    await become(kernel);
    kernel.failNext('remove-link', 'EBUSY', 10);
    kernel.failNext('set-sysctl', 'read-only', 1);
    const problems = await restoreHost(kernel, new SysctlJournal(directory));
    expect(problems).toEqual(['remove interface culvert0: EBUSY', 'read-only']);
  });
});

/** One pass as the agent does it, with the journal kept. */
async function become(kernel: FakeKernel): Promise<void> {
  await reconcile({
    kernel,
    sysctls: SYSCTL_INTEREST,
    wish: (observed) => desire({ configuration: configuration(), local: SETTINGS, observed }),
    beforeApply: async (operations, observed) => {
      if (operations.some((operation) => operation.kind === 'set-sysctl')) {
        new SysctlJournal(directory).record(observed.sysctls);
      }
    },
  });
}

async function settings(kernel: FakeKernel): Promise<object> {
  return Object.fromEntries((await kernel.observe({ sysctls: SYSCTL_INTEREST })).sysctls);
}

function isNoSysctl(line: string): boolean {
  return !line.startsWith('sysctl');
}

function gateway(): FakeKernel {
  return new FakeKernel({
    wireGuard: 'kernel',
    links: ['lan0', 'wan0'].map((name) => ({ name, mtuBytes: 1500, isUp: true })),
    addresses: [
      { link: 'lan0', address: address('10.1.0.1'), length: 24 },
      { link: 'wan0', address: address('198.51.100.1'), length: 24 },
    ],
    routes: [
      { kind: 'gateway', prefix: prefix('0.0.0.0/0'), link: 'wan0', protocol: 3, metric: 0 },
    ],
  });
}
