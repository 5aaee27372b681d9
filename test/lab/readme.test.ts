/**
 * The README's commands for joining two real machines, run as they stand there, each on the
 * machine that its prompt names.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Host } from './host.ts';
import { CHECKOUT, Lab } from './lab.ts';
import type { Machine, Started } from './machine.ts';
import { build, type Topology } from './topology.ts';
import { eventually } from './wait.ts';

const README = readFileSync(join(CHECKOUT, 'README.md'), 'utf8');

/** Two gateways and the control plane on one internet, a host behind each gateway. */
const MACHINES: Topology = {
  'control-plane': { links: { eth0: wan('203.0.113.1/24') } },
  'hq-gw': {
    isRouter: true,
    links: { eth0: wan('203.0.113.2/24'), lan0: { segment: 'hq', addresses: ['10.1.0.1/24'] } },
  },
  'branch-gw': {
    isRouter: true,
    links: { eth0: wan('203.0.113.3/24'), lan0: { segment: 'branch', addresses: ['10.2.0.1/24'] } },
  },
  phone: {
    links: { eth0: { segment: 'hq', addresses: ['10.1.0.10/24'] } },
    routes: ['default via 10.1.0.1'],
  },
  database: {
    links: { eth0: { segment: 'branch', addresses: ['10.2.0.10/24'] } },
    routes: ['default via 10.2.0.1'],
  },
};

let lab: Lab;
/** Programs in the background, by machine and subject: `hq-gw agent`. */
const running = new Map<string, Started>();

beforeAll(async () => {
  lab = await Lab.create('readme');
  await build(lab, MACHINES);
});

afterAll(async () => {
  await lab?.destroy();
});

describe('README.md', () => {
  test('joins two sites by the commands it shows', async () => {
    const commands = commandsShown();
    const tokens: string[] = [];

    for (const { machine, command } of commands) {
      const output = await type(machine, withToken(command, tokens));
      if (command.startsWith('culvert token create')) tokens.push(output.trim());
    }

    expect(commands).toHaveLength(10);
    const [phone, database] = await Promise.all([
      Host.start(lab.machine('phone')),
      Host.start(lab.machine('database')),
    ]);
    await eventually(() => phone.ping('10.2.0.10', 7).then(() => true), {
      ms: 20_000,
      what: 'the database to answer the phone',
    });
    expect(await database.sourceOfPing(7)).toBe('10.1.0.10');
    await database.ping('10.1.0.10', 8);
    expect(await phone.sourceOfPing(8)).toBe('10.2.0.10');
  });

  test('shows commands to look around, which work on the machines it names', async () => {
    const lines = blockAfter('Then:').map((line) => line.split(/\s+# /) as [string, string]);

    const outputs: string[] = [];
    for (const [command, where] of lines) {
      const machine = lab.machine(where.startsWith('on a gateway') ? 'branch-gw' : 'control-plane');
      if (where.includes('agent stopped')) await running.get(`${machine.name} agent`)?.stop();
      outputs.push(await type(machine, command));
    }

    const [status = '', doctor = '', connectors = '', lookup = ''] = outputs;
    expect(status).toContain('10.1.0.0/16');
    expect(doctor).toMatch(/^ok {4}peer: hq\/hq-gw answers/m);
    expect(connectors).toMatch(/hq-gw.*active/);
    expect(lookup).toMatch(/10\.2\.0\.0\/16.*branch/);
    expect(outputs).toHaveLength(5);
  });
});

/** Lines of the form `hq-gw$ culvert agent run &`, in order. */
function commandsShown(): { readonly machine: Machine; readonly command: string }[] {
  const prompt = /^([a-z-]+)\$ (.+)$/gm;
  return [...README.matchAll(prompt)].map(([, name = '', command = '']) => ({
    machine: lab.machine(name),
    command,
  }));
}

/** Lines of the first block of commands after a text. */
function blockAfter(text: string): string[] {
  const [, block = ''] = /```\n(.*?)```/s.exec(README.slice(README.indexOf(text))) ?? [];
  return block.trim().split('\n');
}

/** The README shows the beginning of a token; the first is used first. */
function withToken(command: string, tokens: string[]): string {
  return command.replace(/culvert-join-1\.…/, () => {
    const token = tokens.shift();
    if (token === undefined) throw new RangeError('The README uses a token before it makes one');
    return token;
  });
}

/** As a person would: the next command comes when a program in the background has started. */
async function type(machine: Machine, command: string): Promise<string> {
  const words = command.split(/\s+/);
  if (words.at(-1) !== '&') return machine.run(words);
  const [, log = ''] = words;
  running.set(`${machine.name} ${log}`, machine.start(words.slice(0, -1), { log }));
  await eventually(
    () => /control plane serves|agent started/.test(machine.logOf(log)) || undefined,
    {
      ms: 20_000,
      what: `"${command}" to start`,
    },
  );
  return '';
}

function wan(address: string) {
  return { segment: 'internet', addresses: [address] };
}
