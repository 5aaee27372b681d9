/**
 * `culvert connector …`
 *
 * @module
 */
import type { Command } from 'commander';
import type { ConnectorResource } from '../protocol/rest.ts';
import {
  type ApiOptions,
  addApiCommand,
  addNoun,
  Printer,
  type Surroundings,
  withNetwork,
} from './command.ts';
import { type Cell, inOneCell, type Mood, orNothing } from './output.ts';

type Options = ApiOptions & { readonly network?: string };
type Filter = Options & { readonly site?: string; readonly state?: string };
/** `--no-endpoint` is false. */
type Change = Options & { readonly name?: string; readonly endpoint?: string | false };

const MOODS: Readonly<Record<ConnectorResource['state'], Mood>> = {
  active: 'good',
  degraded: 'doubtful',
  inactive: 'bad',
};

export function addConnectorCommands(program: Command, surroundings: Surroundings): void {
  const noun = addNoun(program, 'connector', 'Connectors: the installed agents');
  noun.addHelpText('after', '\nA connector is made by joining: see culvert token create --help\n');
  const { client } = surroundings;

  withNetwork(
    addApiCommand(noun, 'list', {
      summary: 'List connectors with their state and the reason for it',
      examples: [
        'connector list',
        'connector list --site branch',
        'connector list --state inactive',
      ],
    }),
  )
    .option('--site <site>', 'only those of this site')
    .option('--state <state>', 'only those that are active, degraded or inactive')
    .action(async (options: Filter) => {
      const { network, site, state } = options;
      const connectors = await client(options.config).list('connectors', { network, site, state });
      new Printer(surroundings, options).table(connectors, {
        columns: {
          NAME: ({ name }) => name,
          SITE: (connector) => connector.site.name,
          NETWORK: (connector) => connector.network.name,
          OVERLAY: ({ overlayAddresses }) => inOneCell(overlayAddresses),
          ENDPOINT: ({ endpoint }) => orNothing(endpoint),
          STATE: stateCell,
          REASON: ({ reason }) => reason,
        },
        nothing: 'No connectors. One joins with: culvert token create --site <site>',
      });
    });

  withNetwork(
    addApiCommand(noun, 'show <connector>', {
      summary: 'Show a connector: its state, what is left to do, its peers',
      examples: ['connector show branch-gw'],
    }),
  ).action(async (connector: string, { network, ...options }: Options) => {
    const found = await client(options.config).show('connectors', connector, { network });
    new Printer(surroundings, options).record(found, recordOf(found));
  });

  withNetwork(
    addApiCommand(noun, 'update <connector>', {
      summary: 'Rename a connector, or say where its peers find it',
      examples: [
        'connector update branch-gw --endpoint 198.51.100.7:51820',
        'connector update branch-gw --no-endpoint',
        'connector update branch-gw --name branch-north',
      ],
    }),
  )
    .option('--name <name>', 'its name from then on')
    .option('--endpoint <endpoint>', 'address and UDP port that its peers are told')
    .option('--no-endpoint', 'let peers be told the address that the control plane observes')
    .action(async (connector: string, { network, name, endpoint, ...options }: Change) => {
      const body = {
        ...(name === undefined ? {} : { name }),
        ...(endpoint === undefined ? {} : { endpoint: endpoint === false ? null : endpoint }),
      };
      const api = client(options.config);
      const changed = await api.update('connectors', connector, { body, scope: { network } });
      new Printer(surroundings, options).record(changed, recordOf(changed));
    });

  withNetwork(
    addApiCommand(noun, 'delete <connector>', {
      summary: 'Remove a connector',
      description:
        'Its peers forget it at once. Its agent puts its host back as it was, as soon as it hears.',
      examples: ['connector delete branch-gw'],
    }),
  ).action(async (connector: string, { network, ...options }: Options) => {
    const api = client(options.config);
    const gone = await api.show('connectors', connector, { network });
    const routes = await api.list('routes', { network: gone.network.id, site: gone.site.id });
    await api.delete('connectors', gone.id);
    const carried = routes.filter(({ assignment }) => assignment?.id === gone.id);
    const prefixes = carried.map(({ prefix }) => prefix).join(', ');
    new Printer(surroundings, options).sentence(
      gone,
      `Removed connector "${gone.name}" of site "${gone.site.name}"` +
        `${prefixes === '' ? '' : `, which carried ${prefixes}`}.`,
    );
  });
}

function stateCell({ state }: ConnectorResource): Cell {
  return { text: state, mood: MOODS[state] };
}

function recordOf(connector: ConnectorResource) {
  const { endpoint, endpointOrigin, appliedRevision } = connector;
  return [
    ['name', connector.name],
    ['id', connector.id],
    ['site', connector.site.name],
    ['network', connector.network.name],
    ['state', stateCell(connector)],
    ['reason', connector.reason],
    ['last seen', orNothing(connector.lastSeenAt)],
    ['applied', appliedRevision === null ? '-' : `revision ${appliedRevision}`],
    ['pending', connector.pending.map(({ operation, reason }) => `${operation}: ${reason}`)],
    ['public key', connector.publicKey],
    ['overlay', connector.overlayAddresses],
    ['endpoint', endpoint === null ? '-' : `${endpoint} (${endpointOrigin})`],
    ['listen port', `${connector.listenPort}`],
    ['peers', connector.peers.map(peerLine)],
    ['created', connector.createdAt],
  ] as const;
}

function peerLine(peer: ConnectorResource['peers'][number]): string {
  const { handshakeAgeSeconds: age } = peer;
  return [
    peer.publicKey,
    orNothing(peer.endpoint),
    age === undefined ? 'no handshake yet' : `handshake ${Math.round(age)} s ago`,
    `${peer.receivedBytes} bytes in, ${peer.sentBytes} out`,
  ].join('  ');
}
