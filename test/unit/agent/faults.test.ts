/**
 * Every kind of operation × everything that can go wrong with a call, while a gateway is
 * brought up, changed and taken down: the agent converges, or holds and says which step; and
 * what is not concerned stays as it was in every state between.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { desire, NOTHING, SYSCTL_INTEREST, type Wish } from '../../../agent/desire.ts';
import { Loop } from '../../../agent/loop.ts';
import { type Outcome, reconcile } from '../../../agent/reconcile.ts';
import type { Kernel, Observed, Operation } from '../../../agent/state.ts';
import { type Fault, FaultyKernel } from '../../fakes/faulty-kernel.ts';
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
import { configuration, SETTINGS } from './world.ts';

type Kind = Operation['kind'];
type Stage = 'bring-up' | 'change' | 'take-down';

/** Where each kind occurs. A kind that is not here does not compile; a wrong row fails. */
const STAGES_OF: Readonly<Record<Kind, readonly Stage[]>> = {
  'create-link': ['bring-up'],
  'start-device': ['bring-up'],
  'set-device': ['bring-up', 'change'],
  'set-link': ['bring-up', 'change'],
  'add-address': ['bring-up', 'change'],
  'set-peer': ['bring-up', 'change'],
  'replace-route': ['bring-up', 'change'],
  'set-firewall': ['bring-up', 'change'],
  'set-sysctl': ['bring-up'],
  'remove-route': ['change', 'take-down'],
  'remove-peer': ['change'],
  'remove-address': ['change'],
  'remove-link': ['take-down'],
  'remove-firewall': ['take-down'],
};

/** A call of a program or of netlink is given up after at most so long. */
const LIMIT_MILLISECONDS = 30_000;

const FAULTS = {
  'fails once': { reason: 'it failed', times: 1 },
  'fails always': { reason: 'it failed', times: Infinity },
  'says EEXIST: somebody was first': { reason: 'EEXIST', times: 1, isDone: true },
  'says ENODEV: the link was taken away': { reason: 'ENODEV', times: 1, takesLink: true },
  'says EBUSY for a while': { reason: 'EBUSY', times: 4 },
  'says EINTR after it was done': { reason: 'EINTR', times: 1, isDone: true },
  hangs: { reason: 'no answer', times: 1, afterMilliseconds: LIMIT_MILLISECONDS },
  'hangs after it was done': {
    reason: 'no answer',
    times: 1,
    isDone: true,
    afterMilliseconds: LIMIT_MILLISECONDS,
  },
} as const satisfies Record<string, Fault>;

const STAGES: Readonly<Record<Stage, { from: Wished | undefined; to: Wished }>> = {
  'bring-up': { from: undefined, to: (observed) => wishFor(BEFORE, observed) },
  change: {
    from: (observed) => wishFor(BEFORE, observed),
    to: (observed) => wishFor(AFTER, observed),
  },
  'take-down': {
    from: (observed) => wishFor(BEFORE, observed),
    to: () => ({ desired: NOTHING, held: [] }),
  },
};

type Wished = (observed: Observed) => Wish;

const ROWS = Object.entries(STAGES_OF).flatMap(([kind, stages]) =>
  stages.flatMap((stage) =>
    Object.keys(FAULTS).map((fault) => ({
      kind: kind as Kind, // a key of the table
      stage,
      fault: fault as keyof typeof FAULTS, // a key of the other
    })),
  ),
);

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('a gateway', () => {
  test.each(Object.keys(STAGES) as Stage[])('%s uses the kinds of the table', async (stage) => {
    const { done } = await undisturbed(stage);
    const expected = Object.entries(STAGES_OF).filter(([, stages]) => stages.includes(stage));
    expect(new Set(done.map(({ kind }) => kind))).toEqual(new Set(expected.map(([kind]) => kind)));
  });

  test.each(ROWS)('$stage, where $kind $fault', async ({ stage, kind, fault: name }) => {
    const fault: Fault = FAULTS[name];
    const { done, end } = await undisturbed(stage);
    const victims = done.filter((operation) => operation.kind === kind);
    for (const victim of victims) {
      const kernel = await standing(stage);
      const faults = watch(kernel, untouchedIn(stage, fault.takesLink === true));
      const faulty = new FaultyKernel(kernel, (what) => isSame(what, victim), fault);

      const outcomes = await runUntilApplied(faulty, STAGES[stage].to);

      const failed = outcomes.flatMap(({ failures }) => failures);
      expect(failed[0]).toEqual({ operation: victim, reason: fault.reason });
      if (fault.times === Infinity && !goesWithItsLink(stage, victim)) {
        expect(outcomes.at(-1)?.isApplied).toBe(false);
        expect(outcomes.at(-1)?.left).toContainEqual(victim);
        faulty.mend();
        await runUntilApplied(faulty, STAGES[stage].to);
      } else {
        expect(outcomes.at(-1)?.isApplied).toBe(true);
      }
      expect(comparable(kernel)).toEqual(end);
      expect(faults).toEqual([]);
    }
  });

  test.each(Object.keys(STAGES) as Stage[])('%s, where looking fails or hangs', async (stage) => {
    const { end, looks } = await undisturbed(stage);
    expect(looks).toBeGreaterThan(1);
    for (const fault of [FAULTS['fails once'], FAULTS['says EBUSY for a while'], FAULTS.hangs]) {
      for (let nth = 1; nth <= looks; nth++) {
        const kernel = await standing(stage);
        const faults = watch(kernel, untouchedIn(stage));
        let count = 0;
        const isNth = (what: Operation | 'observe') => what === 'observe' && ++count >= nth;
        const outcomes = await runUntilApplied(
          new FaultyKernel(kernel, isNth, fault),
          STAGES[stage].to,
        );

        expect(outcomes.at(-1)?.isApplied).toBe(true);
        expect(comparable(kernel)).toEqual(end);
        expect(faults).toEqual([]);
      }
    }
  });

  test('is left alone while it cannot be looked at', async () => {
    const kernel = await standing('change');
    const before = kernel.toString();
    const blind = new FaultyKernel(kernel, (what) => what === 'observe', FAULTS['fails always']);

    expect(await runUntilApplied(blind, STAGES.change.to)).toEqual([]);

    expect(kernel.toString()).toBe(before);
  });
});

/** A route that cannot be removed goes all the same when its link does. */
function goesWithItsLink(stage: Stage, victim: Operation): boolean {
  return stage === 'take-down' && victim.kind === 'remove-route' && victim.route.kind === 'device';
}

/** What the stage does and how it ends when nothing goes wrong. */
async function undisturbed(stage: Stage) {
  const kernel = await standing(stage);
  const before = kernel.applied.length;
  let looks = 0;
  const outcomes = await runUntilApplied(
    {
      observe: (interest) => {
        looks++;
        return kernel.observe(interest);
      },
      apply: (operations) => kernel.apply(operations),
    },
    STAGES[stage].to,
  );
  expect(outcomes.map(({ isApplied }) => isApplied)).toEqual([true]);
  return { done: kernel.applied.slice(before), end: comparable(kernel), looks };
}

/** A gateway as the stage finds it. */
async function standing(stage: Stage): Promise<FakeKernel> {
  const kernel = gateway();
  const { from } = STAGES[stage];
  if (from !== undefined) await reconcile({ kernel, sysctls: SYSCTL_INTEREST, wish: from });
  return kernel;
}

function untouchedIn(stage: Stage, losesLink = false): readonly string[] {
  return stage === 'change' && !losesLink ? [...FOREIGN, ...BYSTANDERS] : FOREIGN;
}

/** The real loop over fake time: until all is applied, or a quarter of an hour has passed. */
async function runUntilApplied(kernel: Kernel, wish: Wished): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const loop = new Loop({
    pass: () => reconcile({ kernel, sysctls: SYSCTL_INTEREST, wish }),
    onOutcome: (outcome) => outcomes.push(outcome),
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    random: () => 1,
  });
  loop.wake();
  for (let minute = 0; minute < 15 && outcomes.at(-1)?.isApplied !== true; minute++) {
    for (let second = 0; second < 60 && outcomes.at(-1)?.isApplied !== true; second += 5) {
      await vi.advanceTimersByTimeAsync(5_000);
    }
  }
  await loop.stop();
  return outcomes;
}

function wishFor(entries: typeof BEFORE, observed: Observed): Wish {
  return desire({ configuration: configuration(entries), local: SETTINGS, observed });
}

function isSame(what: Operation | 'observe', victim: Operation): boolean {
  return JSON.stringify(what) === JSON.stringify(victim);
}
