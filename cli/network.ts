/**
 * `culvert network …`
 *
 * @module
 */
import type { Command } from 'commander';
import type { NetworkResource } from '../protocol/rest.ts';
import {
  type ApiOptions,
  addApiCommand,
  addNoun,
  collect,
  Printer,
  parseCount,
  type Surroundings,
} from './command.ts';
import { inOneCell } from './output.ts';

type Settings = { readonly mtu?: number; readonly keepalive?: number };

export function addNetworkCommands(program: Command, surroundings: Surroundings): void {
  const noun = addNoun(program, 'network', 'Virtual networks: routing domains of their own');
  const { client } = surroundings;

  addApiCommand(noun, 'list', { summary: 'List networks', examples: ['network list'] }).action(
    async (options: ApiOptions) => {
      const networks = await client(options.config).list('networks');
      new Printer(surroundings, options).table(networks, {
        columns: {
          NAME: ({ name }) => name,
          OVERLAY: ({ overlayPrefixes }) => inOneCell(overlayPrefixes),
          MTU: ({ mtuBytes }) => `${mtuBytes}`,
          KEEPALIVE: keepaliveOf,
          ID: ({ id }) => id,
        },
        nothing: 'No networks. Make one: culvert network create <name>',
      });
    },
  );

  addApiCommand(noun, 'show <network>', {
    summary: 'Show a network',
    examples: ['network show office'],
  }).action(async (network: string, options: ApiOptions) => {
    const found = await client(options.config).show('networks', network);
    new Printer(surroundings, options).record(found, recordOf(found));
  });

  withSettings(
    addApiCommand(noun, 'create <name>', {
      summary: 'Make a network',
      description: 'Without overlay prefixes it gets one of each family that no other has.',
      examples: [
        'network create office',
        'network create office --overlay 100.64.0.0/16 --overlay fd5e:1c0a:77b2::/64',
      ],
    }).option('--overlay <prefix>', 'where overlay addresses come from; repeatable', collect),
  ).action(
    async (
      name: string,
      options: ApiOptions & Settings & { readonly overlay?: readonly string[] },
    ) => {
      const made = await client(options.config).create('networks', {
        name,
        ...(options.overlay === undefined ? {} : { overlayPrefixes: options.overlay }),
        ...settingsOf(options),
      });
      const overlay = made.overlayPrefixes.join(' and ');
      new Printer(surroundings, options).sentence(
        made,
        `Made network "${made.name}" with overlay ${overlay}.`,
      );
    },
  );

  withSettings(
    addApiCommand(noun, 'update <network>', {
      summary: 'Change the MTU or the keepalive of a network',
      examples: ['network update office --mtu 1380', 'network update office --keepalive 0'],
    }),
  ).action(async (network: string, options: ApiOptions & Settings) => {
    const body = settingsOf(options);
    const changed = await client(options.config).update('networks', network, { body });
    new Printer(surroundings, options).record(changed, recordOf(changed));
  });

  addApiCommand(noun, 'delete <network>', {
    summary: 'Delete a network without sites',
    examples: ['network delete office'],
  }).action(async (network: string, options: ApiOptions) => {
    const api = client(options.config);
    const gone = await api.show('networks', network);
    await api.delete('networks', gone.id);
    new Printer(surroundings, options).sentence(gone, `Deleted network "${gone.name}".`);
  });
}

function withSettings(command: Command): Command {
  return command
    .option('--mtu <bytes>', 'MTU of the tunnel interfaces', parseCount)
    .option(
      '--keepalive <seconds>',
      'persistent keepalive between connectors, 0 is off',
      parseCount,
    );
}

function settingsOf({ mtu, keepalive }: Settings): object {
  return {
    ...(mtu === undefined ? {} : { mtuBytes: mtu }),
    ...(keepalive === undefined ? {} : { keepaliveSeconds: keepalive }),
  };
}

function recordOf(network: NetworkResource) {
  return [
    ['name', network.name],
    ['id', network.id],
    ['overlay', network.overlayPrefixes],
    ['MTU', `${network.mtuBytes} bytes`],
    ['keepalive', keepaliveOf(network)],
    ['created', network.createdAt],
  ] as const;
}

function keepaliveOf({ keepaliveSeconds }: NetworkResource): string {
  return keepaliveSeconds === 0 ? 'off' : `${keepaliveSeconds} s`;
}
