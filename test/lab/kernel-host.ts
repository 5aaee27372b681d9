/**
 * The gateway of the kernel tests: `hq`, without a network around it. Its LAN is the bridge
 * lan0; its operator has a route and a table of his own.
 *
 * @module
 */
import {
  type DesiredRoute,
  type Failure,
  type Observed,
  type Operation,
  ROUTE_PROTOCOL,
} from '../../agent/state.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { KernelDriver } from './kernel-driver.ts';
import { LINK, REMOVE } from './kernel-world.ts';
import { Lab } from './lab.ts';
import type { Machine } from './machine.ts';

export type KeyPair = { readonly publicKey: PublicKey; readonly privateKey: string };

export class KernelHost implements AsyncDisposable {
  readonly hq: Machine;
  readonly own: KeyPair;
  readonly branch: PublicKey;
  readonly plant: PublicKey;
  readonly #lab: Lab;
  #kernel: KernelDriver;

  private constructor(lab: Lab, hq: Machine, keys: readonly [KeyPair, KeyPair, KeyPair]) {
    this.#lab = lab;
    this.hq = hq;
    this.own = keys[0];
    this.branch = keys[1].publicKey;
    this.plant = keys[2].publicKey;
    this.#kernel = new KernelDriver(hq);
  }

  static async create(name: string): Promise<KernelHost> {
    const lab = await Lab.create(name);
    const hq = await lab.addMachine('hq');
    const detection = '/proc/sys/net/ipv6/conf/default';
    for (const command of [
      'ip link add lan0 up type bridge',
      'ip address add 10.1.0.1/16 dev lan0',
      'ip route add 10.9.0.0/16 dev lan0 metric 121 proto static',
      'nft add table ip operator',
      // As on any host but those of the lab, where nobody has the time for it.
      `tee ${detection}/accept_dad ${detection}/dad_transmits`,
    ]) {
      await hq.run(command.split(' '), { input: '1' });
    }
    const host = new KernelHost(lab, hq, [await key(hq), await key(hq), await key(hq)]);
    await host.#kernel.ask({ ask: 'learn-key', ...host.own });
    return host;
  }

  get kernel(): KernelDriver {
    return this.#kernel;
  }

  /** Another process after the one that was killed. */
  async restart(): Promise<void> {
    await this.#kernel.ended();
    this.#kernel = new KernelDriver(this.hq);
    await this.#kernel.ask({ ask: 'learn-key', ...this.own });
  }

  /** Takes everything of ours away. */
  async clear(): Promise<void> {
    await this.applied(REMOVE, { kind: 'remove-firewall' });
    const routes = (await this.ourRoutes()) as DesiredRoute[];
    await this.together(...routes.map((route): Operation => ({ kind: 'remove-route', route })));
  }

  /** Applies one by one. @throws {Error} when one is refused */
  async applied(...operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) await this.together(operation);
  }

  /** Applies operations of one kind as one batch. @throws {Error} when one is refused */
  async together(...operations: readonly Operation[]): Promise<void> {
    const failures = await this.kernel.apply(operations);
    if (failures.length > 0) throw new Error(`Cannot apply: ${JSON.stringify(failures)}`);
  }

  apply(...operations: readonly Operation[]): Promise<readonly Failure[]> {
    return this.kernel.apply(operations);
  }

  /** What is observed, without the addresses that the kernel gives links in its own time. */
  async observed(...sysctls: readonly string[]): Promise<Observed> {
    const observed = await this.kernel.observe({ sysctls });
    return {
      ...observed,
      addresses: observed.addresses.filter(({ address }) => !address.startsWith('fe80:')),
      routes: observed.routes.filter(({ prefix }) => !prefix.startsWith('fe80:')),
    };
  }

  /** Our routes, IPv4 first, those to one prefix by metric. */
  async ourRoutes() {
    const { routes } = await this.observed();
    return routes
      .filter(({ protocol }) => protocol === ROUTE_PROTOCOL)
      .map(({ protocol: _, ...route }) => route)
      .sort((a, b) => (a.prefix === b.prefix ? a.metric - b.metric : a.prefix < b.prefix ? -1 : 1));
  }

  /** Our link as ip(8) shows it. */
  async link(): Promise<unknown> {
    const [link] = JSON.parse(await this.read('ip', '-j', 'link', 'show', 'dev', LINK));
    return link;
  }

  async read(...argv: readonly string[]): Promise<string> {
    return (await this.hq.run(argv)).trim();
  }

  async pidOf(program: string): Promise<number> {
    return Number(await this.read('pgrep', '-x', program));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kernel[Symbol.asyncDispose]();
    await this.#lab.destroy();
  }
}

async function key(machine: Machine): Promise<KeyPair> {
  const privateKey = (await machine.run(['wg', 'genkey'])).trim();
  const publicKey = await machine.run(['wg', 'pubkey'], { input: privateKey });
  return { privateKey, publicKey: publicKey.trim() as PublicKey }; // as wg(8) prints it
}
