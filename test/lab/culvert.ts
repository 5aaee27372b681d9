/**
 * The world joined by Culvert, the way its operator would: through the commands of the CLI,
 * on the machines where people would type them.
 *
 * @module
 */
import type { Machine, Started } from './machine.ts';
import { eventually } from './wait.ts';
import { CONTROL_PLANE_ADDRESS, SITES, type Site, type World } from './world.ts';

/** Everything of Culvert that runs in the world. */
export type Installation = {
  readonly world: World;
  controlPlane: Started;
  /** By name of the connector's machine. */
  readonly agents: Map<string, Started>;
};

const NETWORK = 'acme';
const STARTUP_MS = 20_000;

/** The file by which the CLI on the control plane's machine is an operator. */
export const OPERATOR_FILE = '/var/lib/culvert/control-plane/operator.json';

/** Starts the control plane and makes the network, the sites and their connectors. */
export async function install(
  world: World,
  progress: (line: string) => void = () => {},
): Promise<Installation> {
  const controlPlane = await startControlPlane(world);
  progress('the control plane serves');
  const operator = operatorOf(world);
  await operator.run(['culvert', 'network', 'create', NETWORK]);
  const agents = new Map<string, Started>();
  await Promise.all(
    SITES.map(async (site) => {
      const token = await addSite(operator, site);
      const connector = world.lab.machine(site.connector);
      await connector.run(['culvert', 'agent', 'join', token, ...endpointOption(site)]);
      agents.set(site.connector, startAgent(connector));
      progress(`${site.connector} joined site ${site.name}`);
    }),
  );
  await Promise.all(SITES.map((site) => applied(world.lab.machine(site.connector))));
  progress('every agent has applied its configuration');
  return { world, controlPlane, agents };
}

/** Resolves when it listens. */
export async function startControlPlane(world: World): Promise<Started> {
  const machine = operatorOf(world);
  const url = `https://${CONTROL_PLANE_ADDRESS}:8444`;
  const started = machine.start(['culvert', 'control-plane', 'serve', '--agents-url', url], {
    log: 'control-plane',
  });
  const listens = ['bash', '-c', 'exec 3<> /dev/tcp/127.0.0.1/8443 4<> /dev/tcp/127.0.0.1/8444'];
  await eventually(
    async () => {
      if (!started.isRunning) throw new Error(machine.logOf('control-plane').slice(-2000));
      const isUp = (await machine.attempt(listens)).exitCode === 0;
      return (
        (isUp && (await machine.attempt(['test', '-s', OPERATOR_FILE])).exitCode === 0) || undefined
      );
    },
    { ms: STARTUP_MS, what: 'the control plane to serve' },
  );
  return started;
}

export function startAgent(machine: Machine): Started {
  return machine.start(['culvert', 'agent', 'run'], { log: 'agent' });
}

/** Where the operator sits: commands find the operator's file there by themselves. */
export function operatorOf({ lab }: World): Machine {
  return lab.machine('control-plane');
}

/**
 * What the agent of a machine says of itself.
 *
 * @throws {CommandFailed} when it does not run
 */
export async function statusOf(machine: Machine): Promise<AgentStatus> {
  return JSON.parse(await machine.run(['culvert', 'agent', 'status', '--json']));
}

/** The part of `culvert agent status --json` that tests look at. */
export type AgentStatus = {
  readonly isApplied: boolean;
  readonly controlPlane: {
    readonly isConnected: boolean;
    readonly sinceSeconds: number;
    readonly reason: string | null;
  };
  readonly configuration: { readonly revision: number } | null;
  readonly pending: readonly { readonly operation: string; readonly reason: string }[];
  readonly peers: readonly { readonly name: string; readonly state: string }[];
  readonly routes: readonly { readonly prefix: string; readonly link: string }[];
};

/** Resolves when the agent knows every other site and has nothing left to do. */
export async function applied(machine: Machine): Promise<AgentStatus> {
  return eventually(
    async () => {
      const status = await statusOf(machine);
      const isComplete = status.isApplied && status.peers.length === SITES.length - 1;
      return isComplete ? status : undefined;
    },
    { ms: STARTUP_MS, what: `the agent of "${machine.name}" to have applied`, everyMs: 300 },
  );
}

async function addSite(operator: Machine, { name, prefixes }: Site): Promise<string> {
  const options = prefixes.flatMap((prefix) => ['--prefix', prefix]);
  await operator.run(['culvert', 'site', 'create', name, '--network', NETWORK, ...options]);
  return (await operator.run(['culvert', 'token', 'create', '--site', name])).trim();
}

function endpointOption({ endpoint }: Site): string[] {
  return endpoint === undefined ? [] : ['--endpoint', endpoint];
}
