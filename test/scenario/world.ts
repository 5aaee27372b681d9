/**
 * A world in one process: the real control plane on a real database, the real command line,
 * and machines with the real agent on fake kernels. Time stands still but for a second a
 * command and random numbers repeat, so that a story told twice is the same to the letter.
 *
 * Streams are in memory; TLS, sockets and real kernels are what the lab is for.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changeContext, randomDigits } from '../../control-plane/change-context.ts';
import { type ControlPlane, createControlPlane } from '../../control-plane/control-plane.ts';
import { createApiToken } from '../../control-plane/model/change-api-token.ts';
import { hashOfSecret } from '../../control-plane/model/hash.ts';
import { Authority, makeAuthorityKey } from '../../control-plane/pki/authority.ts';
import { Store } from '../../control-plane/store/store.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { parseName } from '../../protocol/name.ts';
import { expectParsed } from '../../protocol/parsed.ts';
import { Machine } from './machine.ts';
import { runOperator } from './operator.ts';
import { untilQuiet } from './quiet.ts';

const START = Date.parse('2026-01-01T00:00:00Z');
const OPERATOR_SECRET = 'operator';
const SILENT = { info: () => {}, warn: () => {}, error: () => {} };

/** What differs from run to run, and what a story calls it. */
const TOKEN = /culvert-join-1\.[\w-]+/g;
const ID = /\b(net|sit|con|rou|tok|key)_[0-9a-z]{20}\b/g;

export class World {
  readonly #directory = mkdtempSync(join(tmpdir(), 'culvert-scenario-'));
  readonly #machines = new Map<string, Machine>();
  readonly #tokens: string[] = [];
  readonly #ids: string[] = [];
  readonly #random = repeatableRandom();
  #now = START;
  #authority: Authority | undefined;
  #store: Store | undefined;
  #controlPlane: ControlPlane | undefined;

  static async create(): Promise<World> {
    const world = new World();
    world.#authority = await Authority.certify(await makeAuthorityKey(), () => world.#now);
    await world.#start();
    return world;
  }

  /**
   * Runs one command of a story and waits until all is quiet.
   *
   * @param place `operator`, `world`, or the name of a machine
   * @returns what was printed, with names in the place of what differs from run to run
   */
  async run(place: string, command: string): Promise<string[]> {
    this.#now += 1000;
    const words = splitWords(command).map((word) => this.#unname(word));
    const lines = await this.#runAt(place, words);
    await untilQuiet(() => this.#look());
    return lines.flatMap((line) => line.split('\n')).map((line) => this.#name(line).trimEnd());
  }

  async close(): Promise<void> {
    for (const machine of this.#machines.values()) await machine.stop();
    await this.#stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #runAt(place: string, words: readonly string[]): Promise<string[]> {
    if (place === 'world') return await this.#change(words);
    if (place === 'operator') {
      if (this.#controlPlane === undefined) throw new RangeError('the control plane is down');
      return await runOperator(this.#controlPlane.api, OPERATOR_SECRET, words);
    }
    const machine = this.#machines.get(place);
    if (machine === undefined) throw new RangeError(`no machine "${place}" in this story`);
    return await machine.run(words);
  }

  /** `machine NAME LINK=ADDRESS…`, `stop control-plane`, `start control-plane`. */
  async #change([verb, name = '', ...links]: readonly string[]): Promise<string[]> {
    switch (verb) {
      case 'machine': {
        const directory = join(this.#directory, name);
        mkdirSync(directory);
        const machine = new Machine({
          name,
          links,
          directory,
          controlPlane: () => this.#controlPlane,
          nameOf: (key) => this.#nameOfKey(key),
          now: () => this.#now,
        });
        this.#machines.set(name, machine);
        return [];
      }
      case 'stop':
        await this.#stop();
        return [];
      case 'start':
        await this.#start();
        for (const machine of this.#machines.values()) machine.reconnect();
        return [];
      default:
        throw new RangeError(`the world has no command "${verb}" in a story`);
    }
  }

  async #start(): Promise<void> {
    const clock = {
      now: () => this.#now,
      after: (delay: number, action: () => void) => {
        const timer = setTimeout(action, delay).unref();
        return () => clearTimeout(timer);
      },
    };
    const randomBytes = this.#random;
    this.#store = await Store.open({
      path: join(this.#directory, 'culvert.db'),
      newEpoch: () => randomDigits(randomBytes, 12),
    });
    await this.#store.change((snapshot) =>
      createApiToken(
        snapshot,
        { name: expectParsed(parseName('story')), secretHash: hashOfSecret(OPERATOR_SECRET) },
        changeContext(clock, randomBytes),
      ),
    );
    this.#controlPlane = await createControlPlane({
      store: this.#store,
      authority: this.#authority!, // made in create(), before anything is started
      settings: { agentsUrls: ['https://203.0.113.1:8444'] },
      logger: SILENT,
      clock,
      randomBytes,
    });
  }

  async #stop(): Promise<void> {
    await this.#controlPlane?.close();
    await this.#store?.close();
    this.#controlPlane = undefined;
  }

  #look(): string {
    const machines = [...this.#machines.values()].map((machine) => machine.look());
    return `${this.#controlPlane === undefined ? '' : this.#store?.snapshot().sequence} ${machines}`;
  }

  #nameOfKey(key: PublicKey): string {
    const owner = [...this.#machines].find(([, machine]) => machine.publicKeys.includes(key));
    return owner === undefined ? key : `<${owner[0]} key>`;
  }

  #name(line: string): string {
    let text = line
      .replace(TOKEN, (token) => `<token ${numberOf(this.#tokens, token)}>`)
      .replace(ID, (id) => `<id ${numberOf(this.#ids, id)}>`);
    for (const [name, { publicKeys }] of this.#machines) {
      for (const key of publicKeys) text = text.replaceAll(key, `<${name} key>`);
    }
    return text;
  }

  #unname(word: string): string {
    return word
      .replace(/<token (\d+)>/g, (all, number) => this.#tokens[Number(number) - 1] ?? all)
      .replace(/<id (\d+)>/g, (all, number) => this.#ids[Number(number) - 1] ?? all);
  }
}

/** Words parted by blanks; what stands in quotes or angle brackets is one. */
function splitWords(command: string): string[] {
  const words = command.match(/"[^"]*"|<[^>]*>|\S+/g) ?? [];
  return words.map((word) => word.replaceAll('"', ''));
}

function numberOf(known: string[], value: string): number {
  if (!known.includes(value)) known.push(value);
  return known.indexOf(value) + 1;
}

/** The same bytes in every run: SHA-256 of a counter. Nothing secret hangs on them here. */
function repeatableRandom(): (count: number) => Uint8Array {
  let counter = 0;
  return (count) => {
    const parts: Buffer[] = [];
    for (let length = 0; length < count; length += 32) {
      parts.push(createHash('sha256').update(`${counter++}`).digest());
    }
    return Buffer.concat(parts).subarray(0, count);
  };
}
