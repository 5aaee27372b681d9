/**
 * A machine of a story: a fake kernel, a state directory, and the real agent when it runs.
 */
import { parseArgs } from 'node:util';
import { Agent } from '../../agent/agent.ts';
import type { Channel, ChannelEvents, ChannelState } from '../../agent/channel.ts';
import { explain } from '../../agent/explain.ts';
import {
  loadIdentity,
  type Member,
  removeState,
  wireguardPublicKey,
} from '../../agent/identity.ts';
import { join } from '../../agent/join.ts';
import { restoreHost } from '../../agent/leave.ts';
import type { LoopTimes } from '../../agent/loop.ts';
import { StateFile } from '../../agent/state-file.ts';
import { formatStatus } from '../../agent/status-text.ts';
import { SysctlJournal } from '../../agent/sysctl-journal.ts';
import type { ControlPlane } from '../../control-plane/control-plane.ts';
import type { Session } from '../../control-plane/stream/session.ts';
import { parseEndpoint } from '../../protocol/endpoint.ts';
import { parseJoinToken } from '../../protocol/join-token.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { parseControlPlaneMessage } from '../../protocol/message.ts';
import { parseName } from '../../protocol/name.ts';
import { canonicalAddress, canonicalPrefix, prefix } from '../../protocol/net.ts';
import { expectParsed } from '../../protocol/parsed.ts';
import { ProblemError } from '../../protocol/problem.ts';
import { FakeKernel } from '../fakes/kernel.ts';

/** A pass follows at once, nothing happens by itself, and a failure is tried again soon. */
const TIMES: LoopTimes = {
  idleMilliseconds: 1e9,
  settleMilliseconds: 1,
  retry: { firstMilliseconds: 5, lastMilliseconds: 5 },
};

export type MachineOptions = {
  readonly name: string;
  /** `lan0=10.1.0.1/24,fd00:1::1/64`; the first address of `wan0` is where its packets come from. */
  readonly links: readonly string[];
  readonly directory: string;
  /** Undefined while the control plane is down. */
  readonly controlPlane: () => ControlPlane | undefined;
  readonly nameOf: (publicKey: PublicKey) => string;
  readonly now: () => number;
};

export class Machine {
  readonly kernel: FakeKernel;
  readonly #options: MachineOptions;
  readonly #wan: string;
  #agent: Agent | undefined;
  #channel: MemoryChannel | undefined;
  readonly #keys: PublicKey[] = [];
  #log: string[] = [];
  #seen = 0;

  constructor(options: MachineOptions) {
    this.#options = options;
    const links = options.links.map(parseLink);
    this.#wan = links.find(({ name }) => name === 'wan0')?.addresses[0]?.address ?? '192.0.2.1';
    this.kernel = new FakeKernel({
      wireGuard: 'kernel',
      links: links.map(({ name }) => ({ name, mtuBytes: 1500, isUp: true })),
      addresses: links.flatMap(({ name, addresses }) =>
        addresses.map((address) => ({ link: name, ...address })),
      ),
    });
  }

  /** Every key it ever had, the youngest first: a story may speak of one that is gone. */
  get publicKeys(): readonly PublicKey[] {
    const identity = loadIdentity(this.#options.directory);
    const key = identity && wireguardPublicKey(identity);
    if (key !== undefined && !this.#keys.includes(key)) this.#keys.unshift(key);
    return this.#keys;
  }

  /** Changes whenever something about the machine does. */
  look(): string {
    return `${this.kernel.toString()} ${JSON.stringify(this.#agent?.status())} ${this.#log.length}`;
  }

  /** The control plane is there again, or has gone. */
  reconnect(): void {
    this.#channel?.connect();
  }

  async stop(): Promise<void> {
    await this.#agent?.stop();
    this.#agent = undefined;
    this.#channel = undefined;
  }

  /** Runs a command line on this machine. @returns what it prints */
  async run(words: readonly string[]): Promise<string[]> {
    const [program, ...args] = words;
    switch (program) {
      case 'culvert':
        return await this.#culvert(args);
      case 'show':
        return this.#show(args);
      case 'changes':
        return this.#changes();
      case 'hear':
        return await this.#hear(args);
      case 'log':
        return this.#log.splice(0);
      default:
        return this.#meddle(program ?? '', args);
    }
  }

  async #culvert([noun, verb, ...args]: readonly string[]): Promise<string[]> {
    if (noun !== 'agent') throw new RangeError(`a machine has no "culvert ${noun}" in a story`);
    switch (verb) {
      case 'join':
        return await this.#join(args);
      case 'run':
        return this.#run();
      case 'stop':
        await this.stop();
        return [];
      case 'status':
        return this.#agent === undefined ? ['(not running)'] : this.#statusLines();
      case 'accept':
        return [this.#agent?.acceptOffered(Number(args[0])) ?? 'accepted'];
      case 'leave':
        return await this.#leave();
      default:
        throw new RangeError(`a machine has no "culvert agent ${verb}" in a story`);
    }
  }

  async #join(args: readonly string[]): Promise<string[]> {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        name: { type: 'string' },
        endpoint: { type: 'string' },
        propose: { type: 'string', multiple: true },
      },
    });
    try {
      const { membership } = await join(
        {
          token: expectParsed(parseJoinToken(positionals[0] ?? '')),
          stateDirectory: this.#options.directory,
          name: expectParsed(parseName(values.name ?? this.#options.name)),
          listenPort: 51820,
          interfaceBase: 'culvert',
          endpoint:
            values.endpoint === undefined
              ? undefined
              : expectParsed(parseEndpoint(values.endpoint)),
          proposedPrefixes: (values.propose ?? []).map(prefix),
        },
        async (_, request) => {
          const outcome = await this.#options.controlPlane()?.door.join(request, this.#wan);
          if (outcome?.kind === 'joined') return outcome.answer;
          if (outcome === undefined) throw new RangeError('the control plane is down');
          throw new ProblemError(outcome.problem);
        },
      );
      return [`joined ${membership.network}/${membership.site} as ${membership.connector}`];
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      return [`refused: ${error.message} (${error.problem.code})`];
    }
  }

  #run(): string[] {
    const identity = loadIdentity(this.#options.directory);
    if (identity?.membership === undefined) return ['(not joined)'];
    const member: Member = { ...identity, membership: identity.membership };
    const { connectorId } = member.membership;
    const { directory, now } = this.#options;
    this.#agent = new Agent({
      member,
      kernel: this.kernel,
      stateFile: new StateFile({ directory, connectorId }),
      journal: new SysctlJournal(directory),
      openChannel: (events) => {
        this.#channel = new MemoryChannel({
          events,
          connectorId,
          remoteAddress: this.#wan,
          controlPlane: this.#options.controlPlane,
          now,
        });
        return this.#channel;
      },
      controlPlaneAddresses: () => [],
      onCertificate: () => {},
      onRemoved: () => void this.#removed(),
      logger: {
        info: () => {},
        warn: (fields, message) => this.#note('warn', fields, message),
        error: (fields, message) => this.#note('error', fields, message),
      },
      now,
      random: () => 0,
      times: TIMES,
    });
    this.kernel.onChange = () => this.#agent?.wake();
    return [];
  }

  async #removed(): Promise<void> {
    await this.stop();
    await this.#leave();
    this.#log.push('removed by an operator');
  }

  async #leave(): Promise<string[]> {
    const problems = await restoreHost(this.kernel, new SysctlJournal(this.#options.directory));
    if (problems.length === 0) removeState(this.#options.directory);
    return problems;
  }

  #statusLines(): string[] {
    const text = this.#agent === undefined ? '' : formatStatus(this.#agent.status());
    return text.split('\n');
  }

  /** Lines of the kernel; with words, only those that begin with one of them. */
  #show(beginnings: readonly string[]): string[] {
    return this.kernel
      .lines(this.#options.nameOf)
      .filter((line) => beginnings.length === 0 || beginnings.includes(line.split(' ')[0] ?? ''));
  }

  /** What the agent has done since this was asked last. */
  #changes(): string[] {
    const fresh = this.kernel.applied.slice(this.#seen);
    this.#seen = this.kernel.applied.length;
    return fresh.map((operation) => explain(operation, this.#options.nameOf));
  }

  /** `hear NAME ENDPOINT`: the machine of this name sends a packet from there. */
  async #hear([name, endpoint = '']: readonly string[]): Promise<string[]> {
    const { devices } = await this.kernel.observe({ sysctls: [] });
    for (const { link, peers } of devices) {
      const peer = peers.find(
        ({ publicKey }) => this.#options.nameOf(publicKey) === `<${name} key>`,
      );
      if (peer === undefined) continue;
      this.kernel.hear(link, peer.publicKey, { endpoint: expectParsed(parseEndpoint(endpoint)) });
    }
    this.#agent?.wake();
    return [];
  }

  /** What other programs and people do to a host. */
  #meddle(verb: string, [first = '', second = '']: readonly string[]): string[] {
    switch (verb) {
      case 'delete-route':
        this.kernel.deleteRoute(prefix(first), second === '' ? undefined : Number(second));
        return [];
      case 'delete-link':
        this.kernel.deleteLink(first);
        return [];
      case 'flush-firewall':
        this.kernel.deleteFirewall();
        return [];
      case 'fail-next':
        this.kernel.failNext(first as 'set-peer', second); // a story names a kind that exists
        return [];
      default:
        throw new RangeError(`a machine has no command "${verb}" in a story`);
    }
  }

  #note(level: string, fields: object, message: string): void {
    const { reason, operation } = fields as { reason?: unknown; operation?: unknown };
    const about = [operation, reason].filter((part) => part !== undefined).join(': ');
    this.#log.push(`${level}: ${message}${about === '' ? '' : `: ${about}`}`);
  }
}

type MemoryChannelOptions = {
  readonly events: ChannelEvents;
  readonly connectorId: string;
  readonly remoteAddress: string;
  readonly controlPlane: () => ControlPlane | undefined;
  readonly now: () => number;
};

/** A stream without a network, in the order of an event loop. */
class MemoryChannel implements Channel {
  readonly #options: MemoryChannelOptions;
  #session: Session | undefined;
  #state: ChannelState;

  constructor(options: MemoryChannelOptions) {
    this.#options = options;
    this.#state = { isConnected: false, sinceMilliseconds: options.now() };
    this.connect();
  }

  state(): ChannelState {
    return this.#state;
  }

  send(message: object): void {
    const session = this.#session;
    setImmediate(() => session?.receive(JSON.stringify(message)));
  }

  reconnect(): void {
    this.connect();
  }

  stop(): void {
    this.#session?.closed();
    this.#session = undefined;
  }

  connect(): void {
    const { events, connectorId, remoteAddress, controlPlane, now } = this.#options;
    const hub = controlPlane()?.hub;
    if (hub === undefined) return;
    this.#state = { isConnected: true, sinceMilliseconds: now() };
    this.#session = hub.open({
      connectorId,
      remoteAddress,
      transport: {
        send: (text) =>
          setImmediate(() => events.onMessage(expectParsed(parseControlPlaneMessage(text)))),
        close: (_, reason) => {
          this.#session = undefined;
          this.#state = { isConnected: false, sinceMilliseconds: now(), reason };
        },
      },
    });
    if (this.#session !== undefined) setImmediate(events.onOpen);
  }
}

function parseLink(text: string) {
  const [name = '', list = ''] = text.split('=');
  const addresses = list.split(',').map((each) => {
    const [host = '', length = ''] = each.split('/');
    const address = canonicalAddress(host);
    if (address === undefined || canonicalPrefix(each) === undefined) {
      throw new RangeError(`bad address "${each}" in a story`);
    }
    return { address, length: Number(length) };
  });
  return { name, addresses };
}
