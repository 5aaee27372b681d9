/**
 * `culvert route …`
 *
 * @module
 */
import type { Command } from 'commander';
import type { RouteResource } from '../protocol/rest.ts';
import {
  type ApiOptions,
  addApiCommand,
  addNoun,
  Printer,
  type Surroundings,
  withNetwork,
} from './command.ts';
import { type Cell, orNothing } from './output.ts';
import { siteReference } from './site-reference.ts';

type Options = ApiOptions & { readonly network?: string };
type Filter = Options & { readonly site?: string; readonly state?: string };

export function addRouteCommands(program: Command, surroundings: Surroundings): void {
  const noun = addNoun(program, 'route', 'Routes: which prefix is behind which site');
  const { client } = surroundings;
  const update = async (route: string, state: string, { network, ...options }: Options) => {
    const api = client(options.config);
    const changed = await api.update('routes', route, { body: { state }, scope: { network } });
    new Printer(surroundings, options).record(changed, recordOf(changed));
  };

  withNetwork(
    addApiCommand(noun, 'list', {
      summary: 'List routes',
      examples: ['route list', 'route list --site branch', 'route list --state pending'],
    }),
  )
    .option('--site <site>', 'only those of this site')
    .option('--state <state>', 'only those that are approved or pending')
    .action(async (options: Filter) => {
      const { network, site, state } = options;
      const routes = await client(options.config).list('routes', { network, site, state });
      new Printer(surroundings, options).table(routes, {
        columns: {
          PREFIX: ({ prefix }) => prefix,
          SITE: (route) => route.site.name,
          NETWORK: (route) => route.network.name,
          STATE: stateCell,
          CONNECTOR: ({ assignment }) => orNothing(assignment?.name),
          'PROPOSED BY': ({ proposedBy }) => orNothing(proposedBy?.name),
          ID: ({ id }) => id,
        },
        nothing: 'No routes. Make one: culvert route create <prefix> --site <site>',
      });
    });

  withNetwork(
    addApiCommand(noun, 'show <route>', {
      summary: 'Show a route, by its prefix or its id',
      examples: ['route show 10.2.0.0/16'],
    }),
  ).action(async (route: string, { network, ...options }: Options) => {
    const found = await client(options.config).show('routes', route, { network });
    new Printer(surroundings, options).record(found, recordOf(found));
  });

  withNetwork(
    addApiCommand(noun, 'create <prefix>', {
      summary: 'Make an approved route',
      description: 'A proposal of the same prefix by a connector is approved by it.',
      examples: ['route create 10.2.0.0/16 --site branch'],
    }),
  )
    .requiredOption('--site <site>', 'the site that the prefix is behind')
    .action(async (prefix: string, options: Options & { readonly site: string }) => {
      const api = client(options.config);
      const made = await api.create('routes', { site: await siteReference(api, options), prefix });
      new Printer(surroundings, options).sentence(
        made,
        `Made route ${made.prefix} to site "${made.site.name}" of network ` +
          `"${made.network.name}".`,
      );
    });

  withNetwork(
    addApiCommand(noun, 'update <route>', {
      summary: 'Approve a route, or withdraw its approval',
      examples: ['route update 10.2.0.0/16 --state pending'],
    }).requiredOption('--state <state>', 'approved or pending'),
  ).action((route: string, options: Options & { readonly state: string }) =>
    update(route, options.state, options),
  );

  withNetwork(
    addApiCommand(noun, 'approve <route>', {
      summary: 'Approve a route that a connector proposed',
      examples: ['route approve 10.2.0.0/16'],
    }),
  ).action((route: string, options: Options) => update(route, 'approved', options));

  withNetwork(
    addApiCommand(noun, 'delete <route>', {
      summary: 'Delete a route',
      examples: ['route delete 10.2.0.0/16'],
    }),
  ).action(async (route: string, { network, ...options }: Options) => {
    const api = client(options.config);
    const gone = await api.show('routes', route, { network });
    await api.delete('routes', gone.id);
    new Printer(surroundings, options).sentence(
      gone,
      `Deleted ${gone.state} route ${gone.prefix} to site "${gone.site.name}" of network ` +
        `"${gone.network.name}".`,
    );
  });
}

function stateCell({ state }: RouteResource): Cell {
  return { text: state, mood: state === 'approved' ? 'good' : 'doubtful' };
}

function recordOf(route: RouteResource) {
  return [
    ['prefix', route.prefix],
    ['id', route.id],
    ['site', route.site.name],
    ['network', route.network.name],
    ['state', stateCell(route)],
    ['connector', orNothing(route.assignment?.name)],
    ['proposed by', orNothing(route.proposedBy?.name)],
    ['created', route.createdAt],
  ] as const;
}
