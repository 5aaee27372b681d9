/**
 * What an agent makes of a damaged disk when the control plane is not there to ask, under
 * traffic: the last good generation is used, or nothing is touched and the reason is said.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect } from 'vitest';
import { parseStored } from '../../agent/state-file.ts';
import { operatorOf, startControlPlane, statusOf } from '../lab/culvert.ts';
import type { Machine } from '../lab/machine.ts';
import { eventually } from '../lab/wait.ts';
import { HQ_TO_BRANCH, Joined, lastingKernelOf, UNTOUCHED } from './joined.ts';
import { prove } from './prove.ts';

const STATE = '/var/lib/culvert/agent';
const KEPT = '/var/lib/culvert/kept';

let joined: Joined;
let gateway: Machine;
let whole: string;

beforeAll(async () => {
  joined = await Joined.create('disk');
  gateway = joined.machine('hq-gateway');
  // Three generations that differ in nothing that carries traffic.
  for (const number of [1, 2, 3]) await addSpare(number);
  await gateway.run(['cp', '-a', STATE, KEPT]);
  whole = await lastingKernelOf(gateway);
});

afterAll(async () => {
  await joined?.lab.destroy();
});

prove('F30', () => survives(`truncate -s 100 ${newest()}`, 'damaged (checksum)'));

prove('F31', () =>
  survives(`printf X | dd of=${newest()} bs=1 seek=300 conv=notrunc status=none`, 'checksum'),
);

prove('F32', () => survives(`truncate -s 0 ${newest()}`, 'damaged (checksum)'));

prove('F33', async () => {
  const other = await joined
    .machine('branch-gateway')
    .run(['sh', '-c', `cat $(ls ${STATE}/configuration-* | tail -n 1)`]);
  await gateway.run(['tee', '/root/other.json'], { input: other });
  await survives(`cp /root/other.json ${newest()}`, 'belongs to connector');
});

prove('F34', async () => {
  const spoil = `for file in ${STATE}/configuration-*; do truncate -s 10 $file; done`;
  const log = await startedWith(spoil, async () => {
    const status = await statusOf(gateway);
    expect(status).toMatchObject({ configuration: null, isApplied: false });
  });
  expect(log.match(/passed over a state file/g)).toHaveLength(3);
  expect(await lastingKernelOf(gateway)).toBe(whole);
});

prove('F35', async () => {
  const traffic = await joined.trafficWhile(HQ_TO_BRANCH, 3, async () => {
    await joined.killAgent('hq-gateway');
    await gateway.run(['chmod', '644', `${STATE}/identity.json`]);
    const { exitCode, stderr } = await gateway.attempt(['culvert', 'agent', 'run']);
    expect([exitCode, stderr]).toEqual([5, expect.stringContaining('others may read it')]);
  });
  expect(traffic).toMatchObject(UNTOUCHED);
  expect(await lastingKernelOf(gateway)).toBe(whole);
  await restore();
});

prove('F36', async () => {
  joined.installation.controlPlane = await startControlPlane(joined.world);
  await restart();
  await connected();
  // A disk of its own for the agent's state, which is then filled to the last block.
  await gateway.run([
    'sh',
    '-ec',
    `
    mount -t tmpfs -o size=256k,mode=700 tmpfs ${STATE}
    cp -a ${KEPT}/. ${STATE}
    dd if=/dev/zero of=${STATE}/ballast bs=1k status=none || true`,
  ]);
  await restart();
  await connected();

  const traffic = await joined.trafficWhile(HQ_TO_BRANCH, 5, async () => {
    await operatorOf(joined.world).run(spare(4));
    await eventually(async () => (await refusal())?.includes('ENOSPC') || undefined, {
      ms: 10_000,
      what: 'the agent to say that the disk is full',
    });
  });

  expect(traffic).toMatchObject(UNTOUCHED);
  expect(await lastingKernelOf(gateway)).toBe(whole);
  await gateway.run(['rm', `${STATE}/ballast`]);
  await operatorOf(joined.world).run(spare(5));
  await eventually(async () => ((await refusal()) === null ? true : undefined), {
    ms: 10_000,
    what: 'the agent to take what it could not keep before',
  });
  await joined.applied('hq-gateway');
  expect(await lastingKernelOf(gateway)).toContain('10.95.0.0/16');
  await joined.agent('hq-gateway').stop();
  await gateway.run(['umount', STATE]);
  await restart();
});

prove('F37', async () => {
  const text = await gateway.run(['sh', '-c', `cat ${newest()}`]);
  const own = JSON.parse(text.split('\n')[1] ?? '').connectorId;
  expect(parseStored(text, own).ok).toBe(true);
  const bytes = Buffer.from(text);
  const place = fc.nat(bytes.length - 1);
  fc.assert(
    fc.property(place, place, fc.integer({ min: 1, max: 255 }), (first, second, change) => {
      const flipped = Buffer.from(bytes);
      flipped[first] = (flipped[first] ?? 0) ^ change;
      const cutOut = Buffer.concat([bytes.subarray(0, first), bytes.subarray(first + 1 + change)]);
      const moved = Buffer.concat([bytes.subarray(second), bytes.subarray(0, second)]);
      for (const mutant of [flipped, cutOut, ...(second === 0 ? [] : [moved])]) {
        expect(parseStored(mutant.toString('utf8'), own).ok).toBe(false);
      }
    }),
    { numRuns: 10_000 },
  );
});

/** The shell's word for the newest generation. */
function newest(): string {
  return `"$(ls ${STATE}/configuration-* | tail -n 1)"`;
}

/** A generation before the spoilt one is used, and why is in the log. */
async function survives(spoil: string, reason: string): Promise<void> {
  const log = await startedWith(spoil, () => joined.applied('hq-gateway'));
  expect(log).toContain('passed over a state file');
  expect(log).toContain(reason);
  const spoilt = 'unreachable 10.93.0.0/16'; // came with the newest generation only
  expect(await lastingKernelOf(gateway)).toBe(
    whole
      .split('\n')
      .filter((line) => !line.startsWith(spoilt))
      .join('\n'),
  );
}

/** Starts the agent with a spoilt disk and no control plane; gives what it logged. */
async function startedWith(spoil: string, look: () => Promise<void>): Promise<string> {
  if (joined.installation.controlPlane.isRunning) await joined.killControlPlane();
  await restore();
  const seen = gateway.logOf('agent').length;
  const traffic = await joined.trafficWhile(HQ_TO_BRANCH, 4, async () => {
    await joined.killAgent('hq-gateway');
    await gateway.run(['sh', '-ec', spoil]);
    joined.startAgent('hq-gateway');
    await eventually(() => gateway.logOf('agent').slice(seen).includes('started') || undefined, {
      ms: 10_000,
      what: 'the agent to start',
    });
    await eventually(() => look().then(() => true), { ms: 10_000, what: 'the status' });
  });
  expect(traffic).toMatchObject(UNTOUCHED);
  return gateway.logOf('agent').slice(seen);
}

/** The disk as it was, and an agent that runs from it. */
async function restore(): Promise<void> {
  if (joined.agent('hq-gateway').isRunning) await joined.killAgent('hq-gateway');
  await gateway.run(['sh', '-ec', `rm -r ${STATE}; cp -a ${KEPT} ${STATE}`]);
  joined.startAgent('hq-gateway');
  await joined.applied('hq-gateway');
  expect(await lastingKernelOf(gateway)).toBe(whole);
  await joined.reached(HQ_TO_BRANCH, { ms: 45_000 });
}

async function restart(): Promise<void> {
  if (joined.agent('hq-gateway').isRunning) await joined.agent('hq-gateway').stop();
  joined.startAgent('hq-gateway');
  await joined.applied('hq-gateway');
}

async function connected(): Promise<void> {
  await eventually(async () => (await statusOf(gateway)).controlPlane.isConnected || undefined, {
    ms: 20_000,
    what: 'the agent to be connected',
  });
}

async function refusal(): Promise<string | null> {
  return JSON.parse(await gateway.run(['culvert', 'agent', 'status', '--json'])).refused;
}

/** The command that makes a site whose prefix nobody carries: only a backstop at the others. */
function spare(number: number): string[] {
  const prefix = `10.9${number}.0.0/16`;
  return ['culvert', 'site', 'create', `spare${number}`, '--network', 'acme', '--prefix', prefix];
}

async function addSpare(number: number): Promise<void> {
  await operatorOf(joined.world).run(spare(number));
  await eventually(
    async () => (await lastingKernelOf(gateway)).includes(`10.9${number}.0.0/16`) || undefined,
    { ms: 10_000, what: `the prefix of spare${number}` },
  );
}
