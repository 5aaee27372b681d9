/**
 * A lab: machines and the cables between them, all owned by this process and gone with it.
 *
 * ```ts
 * await using lab = await Lab.create('two hosts');
 * const a = await lab.addMachine('a');
 * const b = await lab.addMachine('b');
 * await lab.cable(
 *   { machine: a, device: 'eth0', addresses: ['10.0.0.1/24'] },
 *   { machine: b, device: 'eth0', addresses: ['10.0.0.2/24'] },
 * );
 * await a.run(['ping', '-c', '1', '10.0.0.2']);
 * ```
 *
 * @module
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { succeed } from './command.ts';
import { LABS_FOLDER, ownMark, sweep } from './leftovers.ts';
import { Machine, type MachineOptions } from './machine.ts';

/** One end of a cable. */
export type Port = {
  readonly machine: Machine;
  /** At most 15 characters. */
  readonly device: string;
  /** With prefix length: `10.1.0.1/24`. */
  readonly addresses?: readonly string[] | undefined;
};

/** The project's root. */
export const CHECKOUT = dirname(dirname(import.meta.dirname));

export class Lab implements AsyncDisposable {
  readonly name: string;
  /** Logs of machines, sockets shared with them. Removed by {@link destroy}. */
  readonly folder: string;
  readonly #mark: string;
  readonly #machines = new Map<string, Machine>();
  readonly #bridges = new Map<string, Promise<string>>();
  #outlets = 0;
  #switches: Promise<Machine> | undefined;

  private constructor(name: string) {
    this.name = name;
    this.#mark = `${ownMark()}-${name}`;
    this.folder = join(LABS_FOLDER, this.#mark);
    mkdirSync(this.folder, { mode: 0o700 });
  }

  /**
   * @param name distinguishes the labs of one process; a file name
   * @throws {Error} when this process is not root: namespaces and WireGuard need it
   */
  static async create(name: string): Promise<Lab> {
    if (process.getuid?.() !== 0) throw new Error('Cannot create a lab: only root can');
    sweep();
    return new Lab(name);
  }

  async addMachine(name: string, options: MachineOptions = {}): Promise<Machine> {
    if (this.#machines.has(name)) throw new RangeError(`There is a machine "${name}" already`);
    const { folder } = this;
    const born = await Machine.create(name, {
      ...options,
      folder,
      mark: this.#mark,
      checkout: CHECKOUT,
    });
    this.#machines.set(name, born);
    this.#writeList();
    return born;
  }

  /** @throws {RangeError} when there is none of this name */
  machine(name: string): Machine {
    const machine = this.#machines.get(name);
    if (machine === undefined) throw new RangeError(`There is no machine "${name}"`);
    return machine;
  }

  machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  /** Joins two machines by a cable, with both ends up. */
  async cable(a: Port, b: Port): Promise<void> {
    // Both ends are born where they belong, so no name ever stands in the owner's namespace.
    // biome-ignore format: one option and its value side by side
    await succeed(['ip', 'link', 'add', 'name', a.device, 'netns', String(a.machine.initPid),
      'type', 'veth', 'peer', 'name', b.device, 'netns', String(b.machine.initPid)]);
    await Promise.all([a, b].map((port) => bringUp(port)));
  }

  /** Joins a machine to a switch of this name, which all that name it share. */
  async plug(port: Port, segment: string): Promise<void> {
    this.#switches ??= this.addMachine('switches');
    const switches = await this.#switches;
    let bridge = this.#bridges.get(segment);
    if (bridge === undefined) {
      bridge = addBridge(switches, segment);
      this.#bridges.set(segment, bridge);
    }
    this.#outlets += 1;
    const outlet = `outlet${this.#outlets}`;
    await this.cable(port, { machine: switches, device: outlet });
    await bridge;
    await switches.run(['ip', 'link', 'set', outlet, 'master', segment]);
  }

  /** Ends every machine with everything in it and removes the folder. */
  async destroy(): Promise<void> {
    await Promise.all(this.machines().map((machine) => machine.destroy()));
    this.#machines.clear();
    rmSync(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  /** For `scripts/lab`, which enters machines of labs that others own. */
  #writeList(): void {
    const pids = Object.fromEntries(this.machines().map(({ name, initPid }) => [name, initPid]));
    writeFileSync(join(this.folder, 'machines.json'), JSON.stringify(pids));
  }
}

async function bringUp({ machine, device, addresses = [] }: Port): Promise<void> {
  const lines = [
    `link set ${device} up`,
    ...addresses.map((address) => `address add ${address} dev ${device}`),
  ];
  await machine.run(['ip', '-batch', '-'], { input: lines.join('\n') });
}

async function addBridge(switches: Machine, segment: string): Promise<string> {
  return switches.run(['ip', 'link', 'add', segment, 'up', 'type', 'bridge']);
}
