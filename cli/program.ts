/**
 * The command line as a value: every command, run in process on arguments, with its outputs and
 * its way to the control plane passed in. Ends nothing; gives the exit status.
 *
 * @module
 */
import { Command, CommanderError } from 'commander';
import type { ProblemDocument } from '../protocol/problem.ts';
import { VERSION } from '../protocol/version.ts';
import { addAgentCommands } from './agent.ts';
import { type Client, RefusedError, UnreachableError } from './client.ts';
import type { Surroundings } from './command.ts';
import { ConfigurationError } from './configuration.ts';
import { addConnectorCommands } from './connector.ts';
import { addControlPlaneCommands } from './control-plane.ts';
import {
  DONE,
  EXIT_STATUS_HELP,
  PRECONDITION,
  REFUSED,
  UNREACHABLE,
  USAGE,
} from './exit-status.ts';
import { addLookupCommand } from './lookup.ts';
import { addNetworkCommands } from './network.ts';
import { addRouteCommands } from './route.ts';
import { addSiteCommands } from './site.ts';
import { addStatusCommand } from './status.ts';
import { addTokenCommands } from './token.ts';

export type ProgramOptions = {
  /** Gives the client of the API; asked once by each command that needs one. */
  readonly client: (configurationFile: string | undefined) => Client;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Standard input to its end; nothing when absent. */
  readonly input?: () => Promise<string>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly isColored?: boolean;
};

export type Program = {
  /** @param argv without node and script: `['network', 'list']` */
  run(argv: readonly string[]): Promise<number>;
  /** A fresh tree of the commands, to look at. */
  commands(): Command;
};

const HELP = `
The configuration of an operator is the file operator.json that the control plane wrote at its
first start, or a copy that only its owner may read. It is looked for as --config <file>,
$CULVERT_CONFIG, ~/.config/culvert/operator.json, /var/lib/culvert/control-plane/operator.json.
${EXIT_STATUS_HELP}
Examples:
  culvert control-plane serve --agents-url https://203.0.113.1:8444
  culvert network create office
  culvert site create branch --network office --prefix 10.2.0.0/16
  culvert token create --site branch
  culvert agent join culvert-join-1.…
  culvert lookup 10.2.0.10
`;

export function createProgram(options: ProgramOptions): Program {
  return {
    run: async (argv) => {
      let status = DONE;
      const program = makeCommands(options, (ownStatus) => {
        status = ownStatus;
      });
      try {
        await program.parseAsync(argv, { from: 'user' });
        return status;
      } catch (error) {
        return statusOf(error, options.err);
      }
    },
    commands: () => makeCommands(options, () => {}),
  };
}

function makeCommands(options: ProgramOptions, exit: Surroundings['exit']): Command {
  const surroundings: Surroundings = {
    input: async () => '',
    environment: {},
    isColored: false,
    ...options,
    exit,
  };
  const program = new Command('culvert')
    .description('Connects sites through WireGuard, with the true source address in every packet.')
    .version(VERSION)
    .addHelpText('after', HELP)
    .showHelpAfterError('(--help shows what is accepted)')
    .exitOverride()
    .configureOutput({ writeOut: options.out, writeErr: options.err });
  addNetworkCommands(program, surroundings);
  addSiteCommands(program, surroundings);
  addTokenCommands(program, surroundings);
  addConnectorCommands(program, surroundings);
  addRouteCommands(program, surroundings);
  addLookupCommand(program, surroundings);
  addStatusCommand(program, surroundings);
  addAgentCommands(program, surroundings);
  addControlPlaneCommands(program, surroundings);
  return program;
}

/** Says what went wrong. @throws what nobody foresaw: a bug shows its stack */
function statusOf(error: unknown, err: (text: string) => void): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : USAGE;
  if (error instanceof RefusedError) {
    err(explain(error.document));
    return REFUSED;
  }
  if (error instanceof UnreachableError) {
    err(`${error.message}\n`);
    return UNREACHABLE;
  }
  if (error instanceof ConfigurationError) {
    err(`${error.message}\n`);
    return PRECONDITION;
  }
  throw error;
}

/** Title, detail, field and code, each on a line of its own. */
function explain({ title, detail, field = '', code }: ProblemDocument): string {
  const isNamed = field !== '' && detail.startsWith(`${field}: `);
  return [
    `Refused: ${title}`,
    `  ${isNamed ? detail.slice(field.length + 2) : detail}`,
    ...(field === '' ? [] : [`  field: ${field}`]),
    `  code: ${code}`,
    '',
  ].join('\n');
}
