/**
 * `culvert site …`
 *
 * @module
 */
import type { Command } from 'commander';
import type { SiteResource } from '../protocol/rest.ts';
import {
  type ApiOptions,
  addApiCommand,
  addNoun,
  collect,
  Printer,
  type Surroundings,
  withNetwork,
} from './command.ts';
import { inOneCell, orNothing } from './output.ts';

type Options = ApiOptions & { readonly network?: string };

export function addSiteCommands(program: Command, surroundings: Surroundings): void {
  const noun = addNoun(program, 'site', 'Sites: places with the prefixes behind them');
  const { client } = surroundings;

  withNetwork(
    addApiCommand(noun, 'list', {
      summary: 'List sites',
      examples: ['site list', 'site list --network office'],
    }),
  ).action(async (options: Options) => {
    const sites = await client(options.config).list('sites', { network: options.network });
    new Printer(surroundings, options).table(sites, {
      columns: {
        NAME: ({ name }) => name,
        NETWORK: ({ network }) => network.name,
        PREFIXES: ({ prefixes }) => inOneCell(prefixes),
        CONNECTOR: ({ assignment }) => orNothing(assignment?.name),
        ID: ({ id }) => id,
      },
      nothing: 'No sites. Make one: culvert site create <name> --network <network>',
    });
  });

  withNetwork(
    addApiCommand(noun, 'show <site>', {
      summary: 'Show a site',
      examples: ['site show branch', 'site show branch --network office'],
    }),
  ).action(async (site: string, options: Options) => {
    const found = await client(options.config).show('sites', site, scopeOf(options));
    new Printer(surroundings, options).record(found, recordOf(found));
  });

  addApiCommand(noun, 'create <name>', {
    summary: 'Make a site',
    description: 'Its prefixes become approved routes.',
    examples: ['site create branch --network office --prefix 10.2.0.0/16 --prefix fd00:2::/48'],
  })
    .requiredOption('--network <network>', 'the network it belongs to')
    .option('--prefix <prefix>', 'a prefix behind the site; repeatable', collect)
    .action(async (name: string, options: Options & { readonly prefix?: readonly string[] }) => {
      const made = await client(options.config).create('sites', {
        network: options.network,
        name,
        ...(options.prefix === undefined ? {} : { prefixes: options.prefix }),
      });
      new Printer(surroundings, options).sentence(
        made,
        `Made site "${made.name}" of network "${made.network.name}"${behind(made)}. ` +
          `Its connector joins with: culvert token create --site ${made.name}`,
      );
    });

  withNetwork(
    addApiCommand(noun, 'update <site>', {
      summary: 'Let another connector carry the routes of a site',
      examples: ['site update branch --assignment branch-gw-2'],
    }).requiredOption(
      '--assignment <connector>',
      'the connector of the site that shall carry them',
    ),
  ).action(async (site: string, options: Options & { readonly assignment: string }) => {
    const body = { assignment: options.assignment };
    const scope = scopeOf(options);
    const changed = await client(options.config).update('sites', site, { body, scope });
    new Printer(surroundings, options).record(changed, recordOf(changed));
  });

  withNetwork(
    addApiCommand(noun, 'delete <site>', {
      summary: 'Delete a site without connectors, with its routes and join tokens',
      examples: ['site delete branch'],
    }),
  ).action(async (site: string, options: Options) => {
    const api = client(options.config);
    const gone = await api.show('sites', site, scopeOf(options));
    await api.delete('sites', gone.id);
    new Printer(surroundings, options).sentence(
      gone,
      `Deleted site "${gone.name}" of network "${gone.network.name}"${behind(gone)}.`,
    );
  });
}

function scopeOf({ network }: Options) {
  return { network };
}

function behind({ prefixes }: SiteResource): string {
  return prefixes.length === 0 ? '' : ` with ${prefixes.join(', ')}`;
}

function recordOf(site: SiteResource) {
  return [
    ['name', site.name],
    ['id', site.id],
    ['network', site.network.name],
    ['prefixes', site.prefixes],
    ['connector', orNothing(site.assignment?.name)],
    ['created', site.createdAt],
  ] as const;
}
