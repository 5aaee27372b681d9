/**
 * The benchmarks of `scripts/bench`. Each measures Culvert and an alternative in turns in one
 * run and gives the median of both; only the ratio says something on a shared machine.
 *
 * @module
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { install } from '../test/lab/culvert.ts';
import { CHECKOUT, Lab } from '../test/lab/lab.ts';
import type { Machine } from '../test/lab/machine.ts';
import { settle } from '../test/lab/proof.ts';
import { tunnelByHand } from '../test/lab/tunnels.ts';
import { createWorld, SITES, type World } from '../test/lab/world.ts';

type Result = {
  readonly benchmark: string;
  readonly unit: string;
  readonly culvert: number;
  readonly alternative: string;
  readonly other: number;
  /** Above 1: Culvert is better. */
  readonly ratio: number;
  /** What the ratio should be at least. */
  readonly goal: number;
};

const ROUTES = 10_000;
const ROUNDS = 5;
const STREAM_SECONDS = 4;

const BENCHMARKS: Readonly<Record<string, () => Promise<Result>>> = { routes, throughput };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' } },
});
const unknown = positionals.filter((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown.length > 0) {
  process.stderr.write(`There is no benchmark "${unknown[0]}"; see scripts/bench --help\n`);
  process.exit(2);
}
const load = loadavg();
const results: Result[] = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHMARKS)) {
  process.stdout.write(`measuring ${name} …\n`);
  const result = await BENCHMARKS[name]?.(); // the name was checked
  if (result !== undefined) results.push(result);
}
const machine = { cores: availableParallelism(), kernel: release(), loadBefore: load };
process.stdout.write(`\n${table(results)}\n\n${JSON.stringify(machine)}\n`);
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ machine, results }, null, 2)}\n`);
}

async function routes(): Promise<Result> {
  await using lab = await Lab.create('bench-routes');
  const host = await lab.addMachine('host');
  await host.run(['ip', 'link', 'add', 'one', 'up', 'type', 'veth', 'peer', 'name', 'two']);
  await host.run(['ip', 'link', 'set', 'two', 'up']);
  const [ours, theirs]: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const program = join(CHECKOUT, 'scripts/bench-routes.ts');
    const printed = await host.run([process.execPath, program, 'one', String(ROUTES)]);
    const { milliseconds, failures, present } = JSON.parse(printed);
    if (failures !== 0 || present !== ROUTES) throw new Error(`the agent did not: ${printed}`);
    ours?.push((ROUTES / milliseconds) * 1000);
    await host.run(['ip', 'route', 'flush', 'proto', '121']);
    theirs?.push((ROUTES / (await ipBatch(host))) * 1000);
    await host.run(['ip', 'route', 'flush', 'proto', '121']);
  }
  return compare(ours, theirs, {
    benchmark: 'routes',
    unit: 'routes/s',
    alternative: 'ip -batch',
    goal: 2,
  });
}

/** @returns milliseconds, with the start of ip(8) left out */
async function ipBatch(host: Machine): Promise<number> {
  const lines = Array.from(
    { length: ROUTES },
    (_, number) =>
      `route replace 10.${100 + (number >> 8)}.${number & 255}.0/24 dev one proto 121 metric 121`,
  );
  const start = await timed(() => host.run(['ip', '-batch', '-'], { input: '' }));
  const whole = await timed(() => host.run(['ip', '-batch', '-'], { input: lines.join('\n') }));
  const listed = await host.run(['ip', 'route', 'show', 'proto', '121']);
  if (listed.trim().split('\n').length !== ROUTES) throw new Error('ip -batch did not');
  return whole - start;
}

/** Two worlds beside each other, measured in turns: one joined by hand, one by Culvert. */
async function throughput(): Promise<Result> {
  await using byHand = await Lab.create('bench-hand');
  await using byCulvert = await Lab.create('bench-culvert');
  const hand = await createWorld(byHand);
  await tunnelByHand(hand);
  await settle(hand, { ms: 30_000 });
  const culvert = await createWorld(byCulvert);
  await install(culvert);
  await settle(culvert, { ms: 30_000 });
  const [ours, theirs]: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    theirs?.push(await stream(hand));
    ours?.push(await stream(culvert));
  }
  return compare(ours, theirs, {
    benchmark: 'throughput',
    unit: 'Mbit/s',
    alternative: 'WireGuard by hand',
    goal: 0.98,
  });
}

/** One TCP stream from a host of the first site to one of the second. */
async function stream({ lab }: World): Promise<number> {
  const [from, to] = [SITES[0]?.hosts[0], SITES[1]?.hosts[0]];
  if (from === undefined || to === undefined) throw new RangeError('the world has no such hosts');
  const server = lab.machine(to.name).start(['iperf3', '--server', '--one-off'], { log: 'iperf3' });
  const options = ['--client', to.ipv4, '--time', String(STREAM_SECONDS), '--json'];
  for (let attempt = 1; ; attempt++) {
    const answer = await lab.machine(from.name).attempt(['iperf3', ...options]);
    const { end } = JSON.parse(answer.stdout);
    if (answer.exitCode === 0) {
      await server.ended();
      return end.sum_received.bits_per_second / 1e6;
    }
    if (attempt === 5) throw new Error(`iperf3 failed: ${answer.stdout}`);
  }
}

function compare(
  ours: readonly number[] = [],
  theirs: readonly number[] = [],
  words: Pick<Result, 'benchmark' | 'unit' | 'alternative' | 'goal'>,
): Result {
  const [culvert, other] = [median(ours), median(theirs)];
  return { ...words, culvert, other, ratio: culvert / other };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new RangeError('Cannot take the median of nothing');
  return middle;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

function table(rows: readonly Result[]): string {
  const lines = rows.map(({ benchmark, culvert, unit, alternative, other, ratio, goal }) => [
    benchmark,
    `${culvert.toFixed(0)} ${unit}`,
    `${alternative}: ${other.toFixed(0)}`,
    `ratio ${ratio.toFixed(2)}`,
    ratio >= goal ? `goal ${goal} met` : `goal ${goal} MISSED`,
  ]);
  const widths = [0, 1, 2, 3, 4].map((at) => Math.max(...lines.map((l) => l[at]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
