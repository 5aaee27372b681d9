/**
 * `culvert lookup <address>`: who carries the route to it.
 *
 * @module
 */
import type { Command } from 'commander';
import type { LookupResource } from '../protocol/rest.ts';
import { type ApiOptions, addApiCommand, Printer, type Surroundings } from './command.ts';
import { type Cell, type Mood, orNothing } from './output.ts';

type Match = LookupResource['matches'][number];

const MOODS: Readonly<Record<NonNullable<Match['connectorState']>, Mood>> = {
  active: 'good',
  degraded: 'doubtful',
  inactive: 'bad',
};

export function addLookupCommand(program: Command, surroundings: Surroundings): void {
  const { client, err } = surroundings;

  addApiCommand(program, 'lookup <address>', {
    summary: 'Say which route, site and connector carry an address',
    description:
      'One line for each network that knows it; two lines mean that networks overlap. Routes ' +
      'that hold it and do not carry it follow on standard error.',
    examples: ['lookup 10.2.0.10', 'lookup fd00:2::10'],
  }).action(async (address: string, options: ApiOptions) => {
    const answer = await client(options.config).lookup(address);
    const print = new Printer(surroundings, options);
    if (print.isJson) return print.json(answer);
    print.table(answer.matches, {
      columns: {
        NETWORK: ({ network }) => network.name,
        PREFIX: ({ prefix }) => orNothing(prefix),
        SITE: ({ site }) => orNothing(site?.name),
        CONNECTOR: ({ connector }) => orNothing(connector?.name),
        STATE: stateCell,
        KIND: ({ kind }) => kind,
      },
      nothing: `No network has a route to ${answer.address}.`,
    });
    for (const match of answer.matches) {
      for (const { prefix, site, state } of match.alternatives) {
        err(
          `${match.network.name}: ${state} route ${prefix} to site "${site.name}" holds it, too\n`,
        );
      }
    }
  });
}

function stateCell({ connectorState }: Match): Cell {
  return connectorState === null ? '-' : { text: connectorState, mood: MOODS[connectorState] };
}
