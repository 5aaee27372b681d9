/**
 * A network of machines as data, and how a lab builds it. Machines plugged into the same
 * segment share a switch.
 *
 * @module
 */
import type { Lab } from './lab.ts';
import type { Machine } from './machine.ts';

export type Node = {
  readonly isRouter?: boolean;
  readonly links: Readonly<Record<string, Link>>;
  /** Lines for `ip route add`, in order. */
  readonly routes?: readonly string[];
  /** A file for nft(8), loaded last. */
  readonly firewall?: string;
};

export type Link = { readonly segment: string; readonly addresses: readonly string[] };

export type Topology = Readonly<Record<string, Node>>;

/** Builds every machine with its links, then its routes and firewall. */
export async function build(lab: Lab, topology: Topology): Promise<void> {
  await Promise.all(
    Object.entries(topology).map(async ([name, node]) => {
      const machine = await lab.addMachine(name, { isRouter: node.isRouter });
      for (const [device, { segment, addresses }] of Object.entries(node.links)) {
        await lab.plug({ machine, device, addresses }, segment);
      }
      await addRoutes(machine, node.routes ?? []);
      if (node.firewall !== undefined) {
        await machine.run(['nft', '--file', '-'], { input: node.firewall });
      }
    }),
  );
}

/** ip(8) takes the family from the destination, and "default" has none: so from the gateway. */
async function addRoutes(machine: Machine, routes: readonly string[]): Promise<void> {
  for (const family of ['-4', '-6']) {
    const own = routes.filter((route) => route.includes(':') === (family === '-6'));
    const input = own.map((route) => `route add ${route}`).join('\n');
    if (input !== '') await machine.run(['ip', family, '-batch', '-'], { input });
  }
}
