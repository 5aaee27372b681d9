/**
 * The ten commands of README.md, typed as they stand there, on machines with the addresses
 * that it names; then packets say whether it is true.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OPERATOR_FILE } from './culvert.ts';
import { Host } from './host.ts';
import { CHECKOUT, Lab } from './lab.ts';
import type { Machine } from './machine.ts';
import { eventually } from './wait.ts';

/** `hq-gw$ culvert agent run &` */
const LINE = /^([a-z-]+)\$ (culvert .*?)( &)?$/;

/** In a line: stands for what `token create` printed for the site of that gateway. */
const DOTS = 'culvert-join-1.…';

let lab: Lab;

// internet: 203.0.113.0/24, the control plane at .1, the gateways at .2 and .3
// hq:       10.1.0.0/24, gateway .1, host .10        branch: 10.2.0.0/24, gateway .1, host .10
beforeAll(async () => {
  lab = await Lab.create('readme');
  const place = async (name: string, address: string, isRouter: boolean) => {
    const machine = await lab.addMachine(name, { isRouter });
    const device = isRouter ? 'wan0' : 'eth0';
    await lab.plug({ machine, device, addresses: [address] }, 'internet');
    return machine;
  };
  await place('control-plane', '203.0.113.1/24', false);
  const gateways = await Promise.all([
    place('hq-gw', '203.0.113.2/24', true),
    place('branch-gw', '203.0.113.3/24', true),
  ]);
  for (const [index, gateway] of gateways.entries()) {
    const lan = `10.${index + 1}.0`;
    const host = await lab.addMachine(`${gateway.name}-host`);
    await lab.cable(
      { machine: gateway, device: 'lan0', addresses: [`${lan}.1/24`] },
      { machine: host, device: 'eth0', addresses: [`${lan}.10/24`] },
    );
    await host.run(['ip', 'route', 'add', 'default', 'via', `${lan}.1`]);
  }
});

afterAll(async () => {
  await lab?.destroy();
});

describe('README.md', () => {
  test('joins two machines in ten commands, and hosts reach each other', async () => {
    const commands = commandsOf(readFileSync(join(CHECKOUT, 'README.md'), 'utf8'));
    expect(commands).toHaveLength(10);
    const tokens: string[] = [];
    for (const { place, argv, isInBackground } of commands) {
      const machine = lab.machine(place);
      const given = argv.map((word) => (word === DOTS ? (tokens.shift() ?? word) : word));
      if (isInBackground) {
        machine.start(given, { log: 'culvert' });
        if (given.includes('control-plane')) await serving(machine);
        continue;
      }
      const printed = await machine.run(given);
      if (given.includes('token')) tokens.push(printed.trim());
    }

    const [hq, branch] = await Promise.all([
      Host.start(lab.machine('hq-gw-host')),
      Host.start(lab.machine('branch-gw-host')),
    ]);
    await eventually(
      async () => {
        await hq.ping('10.2.0.10', 7);
        return true;
      },
      { ms: 20_000, what: 'the first packet through', everyMs: 200 },
    );
    expect(await branch.sourceOfPing(7)).toBe('10.1.0.10');
    await branch.ping('10.1.0.10', 8);
    expect(await hq.sourceOfPing(8)).toBe('10.2.0.10');

    const lookup = await lab.machine('control-plane').run(['culvert', 'lookup', '10.2.0.10']);
    expect(lookup).toMatch(/10\.2\.0\.0\/16\s+branch\s+branch-gw\s+active/);
  });
});

function commandsOf(readme: string) {
  return readme.split('\n').flatMap((line) => {
    const [, place, command, ampersand] = LINE.exec(line) ?? [];
    if (place === undefined || command === undefined) return [];
    return [{ place, argv: command.split(' '), isInBackground: ampersand !== undefined }];
  });
}

/** A person waits for the prompt as well: the next command needs what this one makes. */
function serving(machine: Machine): Promise<true> {
  return eventually(
    async () => {
      const isUp = machine.logOf('culvert').includes('control plane serves');
      return isUp && (await machine.attempt(['test', '-s', OPERATOR_FILE])).exitCode === 0
        ? true
        : undefined;
    },
    { ms: 20_000, what: 'the control plane to serve' },
  );
}
