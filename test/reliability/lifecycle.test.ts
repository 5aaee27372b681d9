/**
 * Agents are stopped, killed, frozen, started from nothing and removed, under traffic.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from 'vitest';
import { operatorOf, startControlPlane } from '../lab/culvert.ts';
import type { Machine } from '../lab/machine.ts';
import {
  BRANCH_TO_PLANT,
  HQ_TO_BRANCH,
  handshakesOf,
  Joined,
  kernelOf,
  settledHandshakes,
  tunnelOf,
  UNTOUCHED,
  untimely,
} from './joined.ts';
import { prove } from './prove.ts';

const ROUNDS = 7;
const STOPPED_SECONDS = 5;
const FIRST_PACKET_MS = 3_000;

let joined: Joined;
let gateway: Machine;

beforeAll(async () => {
  joined = await Joined.create('lifecycle');
  gateway = joined.machine('hq-gateway');
});

afterAll(async () => {
  await joined?.lab.destroy();
});

prove('F01', () =>
  rounds(async () => {
    await joined.agent('hq-gateway').stop();
  }),
);

prove('F02', () => rounds(() => joined.killAgent('hq-gateway')));

prove('F03', () =>
  untouchedFor(STOPPED_SECONDS + 4, async () => {
    await joined.agent('hq-gateway').stop();
    await sleep(STOPPED_SECONDS * 1000);
    joined.startAgent('hq-gateway');
    await joined.applied('hq-gateway');
  }),
);

prove('F04', () =>
  untouchedFor(STOPPED_SECONDS + 2, async () => {
    joined.agent('hq-gateway').kill('SIGSTOP');
    await sleep(STOPPED_SECONDS * 1000);
    joined.agent('hq-gateway').kill('SIGCONT');
    await joined.applied('hq-gateway');
  }),
);

prove('F06', async () => {
  await untouchedFor(4, async () => {
    const elsewhere = ['--state-directory', '/var/lib/culvert/second', '--run-directory', '/run/b'];
    await gateway.run(['cp', '-r', '/var/lib/culvert/agent', '/var/lib/culvert/second']);
    const second = await gateway.attempt(['culvert', 'agent', 'run', ...elsewhere]);
    await gateway.run(['rm', '-r', '/var/lib/culvert/second']);
    expect([second.exitCode, second.stderr]).toEqual([5, expect.stringContaining('another')]);
  });
});

prove('F05', async () => {
  await joined.killControlPlane();
  await joined.killAgent('hq-gateway');
  await gateway.run(['sh', '-ec', FORGET(await tunnelOf(gateway))]);
  expect(await kernelOf(gateway)).toBe(joined.bare.get('hq-gateway'));

  const begin = performance.now();
  joined.startAgent('hq-gateway');
  await joined.reached(HQ_TO_BRANCH, { ms: 15_000 });
  const tookMs = performance.now() - begin;

  expect(tookMs).toBeLessThan(FIRST_PACKET_MS);
  expect(await joined.trafficWhile(HQ_TO_BRANCH, 2, async () => {})).toMatchObject(UNTOUCHED);
  joined.installation.controlPlane = await startControlPlane(joined.world);
});

// What follows takes sites away.

prove('F08', async () => {
  await joined.reached(BRANCH_TO_PLANT, { ms: 45_000 });
  const traffic = await joined.trafficWhile(BRANCH_TO_PLANT, 5, async () => {
    await joined.agent('hq-gateway').stop();
    expect(await kernelOf(gateway)).not.toBe(joined.bare.get('hq-gateway'));
    await gateway.run(['culvert', 'agent', 'leave']);
  });
  expect(await kernelOf(gateway)).toBe(joined.bare.get('hq-gateway'));
  expect(traffic).toMatchObject(UNTOUCHED);
});

prove('F07', async () => {
  const connector = joined.machine('branch-gateway');
  const agent = joined.agent('branch-gateway');
  const remove = ['culvert', 'connector', 'delete', 'branch-gateway', '--network', 'acme'];
  await operatorOf(joined.world).run(remove);
  await agent.ended();
  expect(await kernelOf(connector)).toBe(joined.bare.get('branch-gateway'));
});

/** As after a reboot: what the kernel held is gone, the disk is as it was. */
const FORGET = (tunnel: string) => `
  ip link delete ${tunnel}
  ip route flush proto 121
  ip -6 route flush proto 121
  nft delete table inet culvert`;

/** Ends the agent again and again; each time it has to find everything as it should be. */
function rounds(end: () => Promise<void>): Promise<void> {
  return untouchedFor(Math.ceil(ROUNDS * 2.2), async () => {
    const whole = await kernelOf(gateway);
    for (let round = 1; round <= ROUNDS; round++) {
      await end();
      joined.startAgent('hq-gateway');
      await joined.applied('hq-gateway');
      expect(await kernelOf(gateway), `round ${round}`).toBe(whole);
    }
  });
}

async function untouchedFor(seconds: number, disturb: () => Promise<void>): Promise<void> {
  await joined.reached(HQ_TO_BRANCH, { ms: 45_000 });
  const before = await settledHandshakes(gateway);
  const whole = await kernelOf(gateway);

  const traffic = await joined.trafficWhile(HQ_TO_BRANCH, seconds, disturb);

  expect(traffic).toMatchObject(UNTOUCHED);
  expect(untimely(before, await handshakesOf(gateway))).toEqual([]);
  expect(await kernelOf(gateway)).toBe(whole);
}
