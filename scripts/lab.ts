/**
 * Looks into labs that other processes own, such as a running demo: lists their machines and
 * runs commands in them.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isOwnerAlive, labFolders, sweep } from '../test/lab/leftovers.ts';
import { enter } from '../test/lab/machine.ts';

const USAGE = `Usage: scripts/lab list                       machines of running labs
       scripts/lab exec MACHINE COMMAND…      runs a command in one, for example
                                              scripts/lab exec hq-1 ping 10.2.0.10
       scripts/lab sweep                      removes what dead labs left

The newest lab that has MACHINE is meant.
`;

process.exitCode = main(process.argv.slice(2));

function main([verb, name, ...command]: readonly string[]): number {
  if (verb === 'list') return list();
  if (verb === 'sweep') return print(sweep().map((line) => `removed ${line}`));
  if (verb === 'exec' && name !== undefined && command.length > 0) return exec(name, command);
  const isAsked = verb === '--help';
  (isAsked ? process.stdout : process.stderr).write(USAGE);
  return isAsked ? 0 : 2;
}

function list(): number {
  return print(livingLabs().map(({ name, pids }) => `${name}: ${[...pids.keys()].join(' ')}`));
}

function exec(name: string, command: readonly string[]): number {
  const pid = livingLabs()
    .map(({ pids }) => pids.get(name))
    .findLast((found) => found !== undefined);
  if (pid === undefined) {
    process.stderr.write(`There is no machine "${name}"; scripts/lab list names those there are\n`);
    return 1;
  }
  const [program, ...rest] = enter(pid, command);
  return spawnSync(program, rest, { stdio: 'inherit' }).status ?? 1;
}

function livingLabs(): { name: string; pids: ReadonlyMap<string, number> }[] {
  return labFolders()
    .filter(({ name }) => isOwnerAlive(name))
    .map(({ name, folder }) => {
      // Written by `Lab`, whose folder only root can write to.
      const list = JSON.parse(readFileSync(join(folder, 'machines.json'), 'utf8'));
      return { name, pids: new Map(Object.entries(list as Record<string, number>)) };
    });
}

function print(lines: readonly string[]): number {
  for (const line of lines) process.stdout.write(`${line}\n`);
  return 0;
}
