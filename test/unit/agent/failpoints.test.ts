/**
 * The agent is killed at every border between two of its steps, once at each, and started
 * again with the same disk and kernel: it ends where one ends that was never killed, and in no
 * state between is anything lost that is not concerned.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Agent } from '../../../agent/agent.ts';
import type { ChannelEvents } from '../../../agent/channel.ts';
import { SYSCTL_INTEREST } from '../../../agent/desire.ts';
import {
  createIdentity,
  loadIdentity,
  type Member,
  removeState,
  saveIdentity,
} from '../../../agent/identity.ts';
import { restoreHost } from '../../../agent/leave.ts';
import { StateFile } from '../../../agent/state-file.ts';
import { SysctlJournal } from '../../../agent/sysctl-journal.ts';
import type { Configuration } from '../../../protocol/configuration.ts';
import type { AgentMessage } from '../../../protocol/message.ts';
import type { Name } from '../../../protocol/name.ts';
import { type Failpoints, KillingKernel } from '../../fakes/failpoints.ts';
import type { FakeKernel } from '../../fakes/kernel.ts';
import {
  AFTER,
  BEFORE,
  BYSTANDERS,
  comparable,
  FOREIGN,
  gateway,
  watch,
} from './changing-world.ts';
import { configuration } from './world.ts';

const points = vi.hoisted(() => ({ current: undefined as Failpoints | undefined }));

vi.mock('node:fs', async (importOriginal) => {
  const { Failpoints, killingFiles } = await import('../../fakes/failpoints.ts');
  points.current = new Failpoints();
  return killingFiles(await importOriginal<typeof import('node:fs')>(), points.current);
});

const CONNECTOR_ID = `con_${'0'.repeat(20)}`;
const MEMBER: Member = {
  ...createIdentity({ listenPort: 51820, interfaceBase: 'culvert' }),
  membership: {
    connectorId: CONNECTOR_ID,
    connector: 'hq-gw' as Name,
    site: 'hq' as Name,
    network: 'acme' as Name,
    urls: ['https://203.0.113.1:8444'],
    certificate: 'old',
    authority: '',
  },
};

let directory: string;

beforeEach(() => {
  vi.useFakeTimers();
  directory = mkdtempSync(join(tmpdir(), 'culvert-failpoints-'));
});

afterEach(() => {
  vi.useRealTimers();
  failpoints().arm();
  rmSync(directory, { recursive: true, force: true });
});

describe('an agent that is killed anywhere', () => {
  test.each([
    { stage: 'bring-up', from: undefined, to: configuration(BEFORE, 7), untouched: FOREIGN },
    {
      stage: 'change',
      from: configuration(BEFORE, 7),
      to: configuration(AFTER, 8),
      untouched: [...FOREIGN, ...BYSTANDERS],
    },
  ])('in $stage converges when it is started again', async ({ from, to, untouched }) => {
    const quiet = await standing(from);
    failpoints().arm();
    await live(quiet, to);
    const names = [...failpoints().passed];
    const end = await stateOf(quiet);
    expect(end.revision).toBe(to.revision);
    expect(names.length).toBeGreaterThan(40);

    for (const [index, name] of names.entries()) {
      const kernel = await standing(from);
      const faults = watch(kernel, untouched);
      failpoints().arm(index);
      await live(kernel, to);
      expect(failpoints().passed.at(-1), name).toBe(name);
      expect(failpoints().isDead, name).toBe(true);

      failpoints().arm();
      await live(kernel, to);

      expect(await stateOf(kernel), name).toEqual(end);
      expect(faults, name).toEqual([]);
    }
  });

  test('in leaving leaves the host as it was when it is told again', async () => {
    const bare = await hostOf(gateway());
    const quiet = await standing(configuration(BEFORE, 7));
    failpoints().arm();
    await leave(quiet);
    const names = [...failpoints().passed];
    expect(await hostOf(quiet)).toEqual(bare);
    expect(names.length).toBeGreaterThan(40);

    for (const [index, name] of names.entries()) {
      const kernel = await standing(configuration(BEFORE, 7));
      const faults = watch(kernel, FOREIGN);
      failpoints().arm(index);
      await leave(kernel);
      expect(failpoints().isDead, name).toBe(true);

      failpoints().arm();
      await leave(kernel);

      expect(await hostOf(kernel), name).toEqual(bare);
      expect(loadIdentity(directory), name).toBeUndefined();
      expect(faults, name).toEqual([]);
    }
  });

  test('in a renewal has the old or the fresh certificate', () => {
    const fresh = { ...MEMBER, membership: { ...MEMBER.membership, certificate: 'fresh' } };
    saveIdentity(directory, MEMBER);
    failpoints().arm();
    saveIdentity(directory, fresh);
    const names = [...failpoints().passed];
    expect(names.length).toBeGreaterThan(8);
    const found = names.map((name, index) => {
      failpoints().arm();
      saveIdentity(directory, MEMBER);
      failpoints().arm(index);
      expect(() => saveIdentity(directory, fresh), name).toThrow();
      return loadIdentity(directory)?.membership?.certificate;
    });
    const renamed = names.indexOf('after: rename identity.json.new');
    expect(found).toEqual(names.map((_, index) => (index < renamed ? 'old' : 'fresh')));
  });
});

/** The life of an agent: until all is applied, or it is killed. */
async function live(kernel: FakeKernel, told: Configuration): Promise<void> {
  const check = kernel.onChange;
  let agent: Agent | undefined;
  try {
    agent = new Agent({
      member: MEMBER,
      kernel: new KillingKernel(kernel, failpoints()),
      stateFile: new StateFile({ directory, connectorId: CONNECTOR_ID }),
      journal: new SysctlJournal(directory),
      openChannel: (events) => controlPlane(events, told),
      controlPlaneAddresses: () => [],
      onCertificate: () => {},
      onRemoved: () => {},
      logger: { info: () => {}, warn: () => {}, error: () => {} },
      now: Date.now,
      random: () => 1,
    });
    kernel.onChange = () => {
      check();
      agent?.wake();
    };
  } catch (error) {
    if (!failpoints().isDead) throw error; // killed before it could begin
  }
  const isDone = () => {
    const status = agent?.status();
    return status?.isApplied === true && status.configuration?.revision === told.revision;
  };
  for (let i = 0; i < 100 && !failpoints().isDead && !isDone(); i++) {
    await vi.advanceTimersByTimeAsync(100);
  }
  vi.clearAllTimers(); // the process is gone, killed or ended
  kernel.onChange = check;
}

async function leave(kernel: FakeKernel): Promise<void> {
  let isDone = false;
  const leaving = async () => {
    await restoreHost(new KillingKernel(kernel, failpoints()), new SysctlJournal(directory));
    removeState(directory);
  };
  leaving()
    .catch((error: unknown) => {
      if (!failpoints().isDead) throw error;
    })
    .finally(() => {
      isDone = true;
    });
  for (let i = 0; i < 100 && !failpoints().isDead && !isDone; i++) {
    await vi.advanceTimersByTimeAsync(1);
  }
}

/** Tells every agent that says hello the same. */
function controlPlane({ onOpen, onMessage }: ChannelEvents, told: Configuration) {
  const { epoch, revision, digest, entries } = told;
  setTimeout(onOpen, 10);
  return {
    state: () => ({ isConnected: true, sinceMilliseconds: 0 }),
    send: (message: AgentMessage) => {
      if (message.type !== 'hello') return;
      const version = { epoch, revision, digest };
      const isCurrent = message.held?.digest === digest;
      setTimeout(() => {
        if (isCurrent) onMessage({ type: 'current', version });
        else onMessage({ type: 'configuration', ...version, entries: [...entries.values()] });
      }, 10);
    },
    reconnect: () => {},
    stop: () => {},
  };
}

/** A gateway and its disk as an agent left them that held this configuration. */
async function standing(held: Configuration | undefined): Promise<FakeKernel> {
  failpoints().arm();
  rmSync(directory, { recursive: true, force: true });
  saveIdentity(directory, MEMBER);
  const kernel = gateway();
  if (held !== undefined) await live(kernel, held);
  return kernel;
}

/** What counts at the end: the kernel, what is on disk, and what leaving would put back. */
async function stateOf(kernel: FakeKernel) {
  const journal = new SysctlJournal(directory).read();
  const { configuration: held } = new StateFile({ directory, connectorId: CONNECTOR_ID }).load();
  return {
    kernel: comparable(kernel),
    revision: held?.revision,
    digest: held?.digest,
    before: [...journal].filter(([key]) => !key.includes('/culvert0/')),
  };
}

/** The host without us, its settings one by one. */
async function hostOf(kernel: FakeKernel) {
  const { sysctls } = await kernel.observe({ sysctls: SYSCTL_INTEREST });
  const lines = kernel.lines().filter((line) => !line.startsWith('sysctl'));
  return { lines, sysctls: [...sysctls].sort() };
}

function failpoints(): Failpoints {
  if (points.current === undefined) throw new Error('node:fs is not mocked yet');
  return points.current;
}
