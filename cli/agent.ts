/**
 * `culvert agent …`: the agent itself, loaded for these commands only.
 *
 * @module
 */
import type { Command } from 'commander';
import { addCommand, addNoun, collect, parseCount, type Surroundings } from './command.ts';

const STATE_DIRECTORY = '/var/lib/culvert/agent';
const RUN_DIRECTORY = '/run/culvert';

type Directories = { readonly stateDirectory: string; readonly runDirectory: string };
type PrintOptions = Directories & { readonly json?: boolean };
type JoinOptions = Directories & {
  readonly name?: string;
  readonly endpoint?: string;
  readonly listenPort?: number;
  readonly interface?: string;
  readonly propose?: readonly string[];
};

export function addAgentCommands(program: Command, surroundings: Surroundings): void {
  const { exit, input } = surroundings;
  const noun = addNoun(program, 'agent', 'The agent of this machine');

  withDirectories(
    addCommand(noun, 'join <token>', {
      summary: 'Make this machine a connector',
      description: 'The token "-" is read from standard input.',
      examples: [
        'agent join culvert-join-1.…',
        'agent join - < token',
        'agent join culvert-join-1.… --propose 10.2.0.0/16 --endpoint 198.51.100.7:51820',
      ],
    }),
  )
    .option('--name <name>', 'what the connector is called (default: the host name)')
    .option('--endpoint <endpoint>', 'where peers find it (default: the address it comes from)')
    .option('--listen-port <port>', 'UDP port of WireGuard (default: 51820)', parseCount)
    .option(
      '--interface <name>',
      'how its interfaces are named, a number follows (default: culvert)',
    )
    .option('--propose <prefix>', 'a prefix behind this site, to be approved; repeatable', collect)
    .action(async (token: string, { propose = [], ...options }: JoinOptions) => {
      const { joinCommand } = await import('../agent/commands.ts');
      const line = token === '-' ? (await input()).trim() : token;
      exit(await joinCommand({ ...options, propose, token: line }));
    });

  withDirectories(
    addCommand(noun, 'run', {
      summary: 'Keep this machine as the control plane says, until it is told to stop',
      description: 'Forwarding goes on when it stops.',
      examples: ['agent run', 'agent run --metrics 127.0.0.1:9586'],
    }),
  )
    .option('--metrics <endpoint>', 'where to serve Prometheus metrics (default: the socket only)')
    .action(async (options: Directories & { readonly metrics?: string }) => {
      const { runCommand } = await import('../agent/commands.ts');
      exit(await runCommand(options));
    });

  withJson(
    addCommand(noun, 'status', {
      summary: 'Show what the running agent holds, has applied, and sees of its peers',
      examples: ['agent status', 'agent status --json'],
    }),
  ).action(async ({ json = false, ...options }: PrintOptions) => {
    const { statusCommand } = await import('../agent/commands.ts');
    exit(await statusCommand({ ...options, json }));
  });

  withDirectories(
    addCommand(noun, 'accept', {
      summary: 'Say yes to a configuration that the agent holds back',
      description: '"agent status" says what is held back and why.',
      examples: ['agent accept 112'],
    }),
  )
    .argument('<revision>', 'as "agent status" shows it', parseCount)
    .action(async (revision: number, options: Directories) => {
      const { acceptCommand } = await import('../agent/commands.ts');
      exit(await acceptCommand({ ...options, revision }));
    });

  withJson(
    addCommand(noun, 'plan', {
      summary: 'Show what the agent would change on this machine, and change nothing',
      examples: ['agent plan'],
    }),
  ).action(async ({ json = false, ...options }: PrintOptions) => {
    const { planCommand } = await import('../agent/commands.ts');
    exit(await planCommand({ ...options, json }));
  });

  withJson(
    addCommand(noun, 'doctor', {
      summary: 'Examine this machine as a router: what is wrong, what shows it, what to do',
      description:
        'Changes nothing. Sends echo requests to silent peers and to the default gateway.\n' +
        'Exit status 1 when something fails.',
      examples: ['agent doctor', 'agent doctor --json'],
    }),
  ).action(async ({ json = false, ...options }: PrintOptions) => {
    const { doctorCommand } = await import('../agent/doctor-command.ts');
    exit(await doctorCommand({ ...options, json }));
  });

  withDirectories(
    addCommand(noun, 'leave', {
      summary: 'Put this machine back as it was before it joined',
      description: 'The agent must be stopped. The control plane is told, if it can be reached.',
      examples: ['agent leave'],
    }),
  ).action(async (options: Directories) => {
    const { leaveCommand } = await import('../agent/commands.ts');
    exit(await leaveCommand(options));
  });
}

function withDirectories(command: Command): Command {
  return command
    .option('--state-directory <directory>', 'keys and what was accepted last', STATE_DIRECTORY)
    .option('--run-directory <directory>', 'the socket of the running agent', RUN_DIRECTORY);
}

function withJson(command: Command): Command {
  return withDirectories(command).option('--json', 'print JSON instead of a text for people');
}
