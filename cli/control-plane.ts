/**
 * `culvert control-plane …`: the control plane itself, loaded for this command only.
 *
 * @module
 */
import type { Command } from 'commander';
import { addCommand, addNoun, collect, type Surroundings } from './command.ts';
import { FAILED, USAGE } from './exit-status.ts';

type ServeOptions = {
  readonly dataDirectory?: string;
  readonly apiListen?: string;
  readonly apiUrl?: string;
  readonly agentsListen?: string;
  readonly agentsUrl?: readonly string[];
};

const HELP = `
Environment: CULVERT_DATA_DIRECTORY, CULVERT_API_LISTEN, CULVERT_API_URL,
CULVERT_AGENTS_LISTEN, CULVERT_AGENTS_URL (parted by commas); an option counts more.

At its first start it writes operator.json into the data directory: the configuration of
this command line, with a token of full rights.
`;

export function addControlPlaneCommands(program: Command, surroundings: Surroundings): void {
  const { environment, err, exit } = surroundings;
  const noun = addNoun(program, 'control-plane', 'The control plane itself');

  addCommand(noun, 'serve', {
    summary: 'Run the control plane until it is told to stop',
    examples: [
      'control-plane serve --agents-url https://203.0.113.1:8444',
      'control-plane serve --agents-url https://203.0.113.1:8444 --api-listen 10.1.0.5:8443',
    ],
  })
    .option(
      '--data-directory <directory>',
      'database, authority, operator.json (default: /var/lib/culvert/control-plane)',
    )
    .option('--api-listen <endpoint>', 'where operators are served (default: 127.0.0.1:8443)')
    .option('--api-url <url>', 'how operators reach it (default: where it listens)')
    .option('--agents-listen <endpoint>', 'where agents are served (default: [::]:8444)')
    .option('--agents-url <url>', 'how agents reach it; stands in join tokens; repeatable', collect)
    .addHelpText('after', HELP)
    .action(async ({ agentsUrl, ...options }: ServeOptions) => {
      const { parseSettings } = await import('../control-plane/settings.ts');
      const settings = parseSettings({ ...options, agentsUrls: agentsUrl?.join(',') }, environment);
      if (!settings.ok) {
        err(`${settings.message}\n`);
        return exit(USAGE);
      }
      const { serve } = await import('../control-plane/serve.ts');
      try {
        await serve(settings.value);
      } catch (error) {
        if (!isOfTheWorld(error)) throw error;
        err(`Cannot serve: ${error.message}\n`);
        exit(FAILED);
      }
    });
}

/** A port that is taken, a directory that cannot be written; not a bug. */
function isOfTheWorld(error: unknown): error is Error {
  return error instanceof Error && !(error instanceof RangeError || error instanceof TypeError);
}
