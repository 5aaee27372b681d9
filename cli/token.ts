/**
 * `culvert token …`: the tokens by which machines join.
 *
 * @module
 */
import type { Command } from 'commander';
import type { EnrollmentTokenResource } from '../protocol/rest.ts';
import {
  type ApiOptions,
  addApiCommand,
  addNoun,
  Printer,
  parseCount,
  parseDuration,
  type Surroundings,
  withNetwork,
} from './command.ts';
import type { Cell } from './output.ts';
import { siteReference } from './site-reference.ts';

type Filter = ApiOptions & {
  readonly network?: string;
  readonly site?: string;
  readonly state?: string;
};
type CreateOptions = ApiOptions & {
  readonly network?: string;
  readonly site: string;
  readonly uses?: number;
  readonly expiresIn?: number;
};

export function addTokenCommands(program: Command, surroundings: Surroundings): void {
  const noun = addNoun(program, 'token', 'Join tokens: one line that makes a machine a connector');
  const { client, out, err } = surroundings;

  withNetwork(
    addApiCommand(noun, 'list', {
      summary: 'List join tokens, without their secrets',
      examples: ['token list', 'token list --site branch --state usable'],
    }),
  )
    .option('--site <site>', 'only those of this site')
    .option('--state <state>', 'only those that are usable, used, expired or revoked')
    .action(async (options: Filter) => {
      const { network, site, state } = options;
      const filter = { network, site, state };
      const tokens = await client(options.config).list('enrollment-tokens', filter);
      new Printer(surroundings, options).table(tokens, {
        columns: {
          ID: ({ id }) => id,
          SITE: (token) => token.site.name,
          NETWORK: (token) => token.network.name,
          STATE: stateCell,
          USES: usesOf,
          EXPIRES: ({ expiresAt }) => expiresAt,
        },
        nothing: 'No join tokens. Make one: culvert token create --site <site>',
      });
    });

  addApiCommand(noun, 'show <token>', {
    summary: 'Show a join token by its id, without its secret',
    examples: ['token show tok_9z7x5c3v1b0n2m4a6s8d'],
  }).action(async (token: string, options: ApiOptions) => {
    const found = await client(options.config).show('enrollment-tokens', token);
    new Printer(surroundings, options).record(found, recordOf(found));
  });

  withNetwork(
    addApiCommand(noun, 'create', {
      summary: 'Make a join token and print it, alone on standard output',
      description: 'It is shown this once.',
      examples: [
        'token create --site branch',
        'token create --site branch --uses 2 --expires-in 30m',
        'token create --site branch | ssh branch-gw culvert agent join -',
      ],
    }),
  )
    .requiredOption('--site <site>', 'the site that machines join with it')
    .option('--uses <count>', 'how many machines may join with it (default: 1)', parseCount)
    .option('--expires-in <duration>', 'like 90s, 30m, 24h or 7d (default: 24h)', parseDuration)
    .action(async (options: CreateOptions) => {
      const api = client(options.config);
      const made = await api.create('enrollment-tokens', {
        site: await siteReference(api, options),
        ...(options.uses === undefined ? {} : { maxUses: options.uses }),
        ...(options.expiresIn === undefined ? {} : { expiresInSeconds: options.expiresIn }),
      });
      const print = new Printer(surroundings, options);
      if (print.isJson) return print.json(made);
      out(`${made.token}\n`);
      const machines = made.maxUses === 1 ? 'one machine' : `${made.maxUses} machines`;
      err(
        `Lets ${machines} join site "${made.site.name}" of network "${made.network.name}" ` +
          `until ${made.expiresAt}.\nOn the gateway, as root: culvert agent join <token>\n`,
      );
    });

  addApiCommand(noun, 'delete <token>', {
    summary: 'Revoke a join token',
    description: 'Machines that have joined with it stay.',
    examples: ['token delete tok_9z7x5c3v1b0n2m4a6s8d'],
  })
    .alias('revoke')
    .action(async (token: string, options: ApiOptions) => {
      const api = client(options.config);
      const gone = await api.show('enrollment-tokens', token);
      await api.delete('enrollment-tokens', gone.id);
      new Printer(surroundings, options).sentence(
        gone,
        `Revoked join token ${gone.id} of site "${gone.site.name}" (${gone.state}, used ` +
          `${usesOf(gone)}).`,
      );
    });
}

function stateCell({ state }: EnrollmentTokenResource): Cell {
  return { text: state, mood: state === 'usable' ? 'good' : 'doubtful' };
}

function usesOf({ uses, maxUses }: EnrollmentTokenResource): string {
  return `${uses} of ${maxUses}`;
}

function recordOf(token: EnrollmentTokenResource) {
  return [
    ['id', token.id],
    ['site', token.site.name],
    ['network', token.network.name],
    ['state', stateCell(token)],
    ['uses', usesOf(token)],
    ['expires', token.expiresAt],
    ['created', token.createdAt],
  ] as const;
}
