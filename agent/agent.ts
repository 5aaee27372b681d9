/**
 * The running agent: takes configurations from the channel, keeps them on disk, and has the
 * loop make the kernel agree. Everything it meets the world through is passed in.
 *
 * @module
 */
import type { Configuration } from '../protocol/configuration.ts';
import type { ControlPlaneMessage, Report } from '../protocol/message.ts';
import { PROTOCOL_VERSION } from '../protocol/message.ts';
import type { Address } from '../protocol/net.ts';
import { VERSION } from '../protocol/version.ts';
import { type ConfigurationMessage, judge } from './accept.ts';
import type { Channel, ChannelEvents } from './channel.ts';
import { desire, type LocalSettings, SYSCTL_INTEREST, type Wish } from './desire.ts';
import { explain } from './explain.ts';
import { type Member, wireguardPublicKey } from './identity.ts';
import { type LearntEndpoints, learnEndpoints } from './learnt-endpoints.ts';
import type { Logger } from './log.ts';
import { Loop, type LoopTimes } from './loop.ts';
import type { ReconcileCounters } from './metrics.ts';
import { type Outcome, reconcile } from './reconcile.ts';
import type { Kernel, Observed, Operation } from './state.ts';
import type { StateFile } from './state-file.ts';
import { type AgentStatus, peerNames, reportOf, statusOf } from './status.ts';
import type { SysctlJournal } from './sysctl-journal.ts';

/** A report goes out when it says something else, and at least this often. */
const REPORT_INTERVAL_MILLISECONDS = 30_000;

export type AgentOptions = {
  readonly member: Member;
  readonly kernel: Kernel;
  readonly stateFile: StateFile;
  readonly journal: SysctlJournal;
  readonly openChannel: (events: ChannelEvents) => Channel;
  /** Addresses of the control plane as known at this moment. */
  readonly controlPlaneAddresses: () => readonly Address[];
  /** The control plane sent a certificate: keep it. */
  readonly onCertificate: (pem: { certificate: string; authority: string }) => void;
  /** An operator removed this connector: put the host back. */
  readonly onRemoved: () => void;
  readonly logger: Logger;
  readonly now: () => number;
  readonly random: () => number;
  readonly times?: LoopTimes;
};

export class Agent {
  readonly #options: AgentOptions;
  readonly #loop: Loop;
  readonly #channel: Channel;
  #configuration: Configuration | undefined;
  /** The one before, which still names peers that were removed. */
  #previous: Configuration | undefined;
  #refused: string | undefined;
  /** What was refused last, when a person may accept it. */
  #offered: Configuration | undefined;
  #outcome: Outcome | undefined;
  /** What the last pass was planned from; a newer one may have been accepted meanwhile. */
  #passedFor: Configuration | undefined;
  #counters: ReconcileCounters = { passes: 0, failures: 0, seconds: 0 };
  #learntEndpoints: LearntEndpoints = new Map();
  #reported: { readonly text: string; readonly at: number } | undefined;

  /** Begins at once: what is on disk is applied before anybody is asked. */
  constructor(options: AgentOptions) {
    this.#options = options;
    const { configuration, problems } = options.stateFile.load();
    for (const reason of problems) options.logger.warn({ reason }, 'passed over a state file');
    this.#configuration = configuration;
    this.#loop = new Loop({
      pass: () => this.#countedPass(),
      onOutcome: (outcome) => this.#conclude(outcome),
      logger: options.logger,
      random: options.random,
      ...(options.times === undefined ? {} : { times: options.times }),
    });
    this.#channel = options.openChannel({
      onOpen: () => this.#hello(),
      onMessage: (message) => this.#receive(message),
    });
    this.#loop.wake();
  }

  /** The kernel may have changed. */
  wake(): void {
    this.#loop.wake();
  }

  status(): AgentStatus {
    return statusOf({
      version: VERSION,
      membership: this.#options.member.membership,
      channel: this.#channel.state(),
      configuration: this.#configuration,
      refused: this.#refused,
      outcome: this.#outcome,
      nowMilliseconds: this.#options.now(),
    });
  }

  counters(): ReconcileCounters {
    return this.#counters;
  }

  /**
   * A person at this host says yes to the configuration that is held back.
   *
   * @returns why it was not taken; undefined when it was
   */
  acceptOffered(revision: number): string | undefined {
    const offered = this.#offered;
    if (offered === undefined) return 'nothing is held back';
    if (offered.revision !== revision) return `revision ${offered.revision} is held back`;
    this.#accept(offered);
    return this.#refused;
  }

  /** Ends the agent and leaves the kernel as it is: forwarding goes on. */
  async stop(): Promise<void> {
    this.#channel.stop();
    await this.#loop.stop();
  }

  /** Asks for a certificate in place of the one that will run out. */
  renew(certificateRequest: string): void {
    this.#channel.send({ type: 'renew', certificateRequest });
  }

  /** The certificate is another one: use it. */
  reconnect(): void {
    this.#channel.reconnect();
  }

  #hello(): void {
    const held = this.#configuration;
    this.#reported = undefined;
    this.#channel.send({
      type: 'hello',
      protocolVersion: PROTOCOL_VERSION,
      agentVersion: VERSION,
      ...(held === undefined
        ? {}
        : { held: { epoch: held.epoch, revision: held.revision, digest: held.digest } }),
    });
  }

  #receive(message: ControlPlaneMessage): void {
    switch (message.type) {
      case 'certificate':
        this.#options.onCertificate(message);
        return;
      case 'removed':
        this.#options.onRemoved();
        return;
      default:
        this.#receiveConfiguration(message);
    }
  }

  #receiveConfiguration(message: ConfigurationMessage): void {
    const verdict = judge(this.#configuration, message);
    if (verdict.kind === 'accept') {
      this.#accept(verdict.configuration);
      return;
    }
    if (verdict.kind === 'ask-whole') {
      this.#channel.send({ type: 'resend', reason: verdict.reason.slice(0, 500) });
      return;
    }
    this.#refused = verdict.reason;
    this.#offered = verdict.offered;
    const { reason } = verdict;
    this.#options.logger.warn({ reason }, 'configuration refused; the one before stands');
    this.#loop.wake(); // the control plane hears of it in the report of the next pass
  }

  /** On disk first: what was accepted must be there after a power cut. */
  #accept(configuration: Configuration): void {
    const held = this.#configuration;
    const isOther = held?.digest !== configuration.digest || held.epoch !== configuration.epoch;
    if (isOther) {
      try {
        this.#options.stateFile.save(configuration);
      } catch (error) {
        this.#refused = `cannot keep revision ${configuration.revision} on disk: ${String(error)}`;
        this.#options.logger.error({ err: error }, 'configuration not kept; the one before stands');
        return;
      }
      this.#previous = held;
      const { revision } = configuration;
      this.#options.logger.info({ revision, entries: configuration.entries.size }, 'accepted');
    }
    this.#refused = undefined;
    this.#offered = undefined;
    this.#configuration = configuration;
    this.#loop.wake();
  }

  async #countedPass(): Promise<Outcome> {
    const start = this.#options.now();
    let isFailure = true;
    try {
      const outcome = await this.#pass();
      isFailure = outcome.failures.length > 0;
      return outcome;
    } finally {
      const { passes, failures, seconds } = this.#counters;
      // The clock may be set back meanwhile, and a counter never goes down.
      const spent = Math.max(0, this.#options.now() - start) / 1000;
      this.#counters = {
        passes: passes + 1,
        failures: failures + Number(isFailure),
        seconds: seconds + spent,
      };
    }
  }

  async #pass(): Promise<Outcome> {
    const configuration = this.#configuration;
    this.#passedFor = configuration;
    return await reconcile({
      kernel: this.#options.kernel,
      sysctls: SYSCTL_INTEREST,
      wish: (observed) => this.#wish(configuration, observed),
      beforeApply: async (operations, observed) => this.#prepare(operations, observed),
    });
  }

  #wish(configuration: Configuration | undefined, observed: Observed): Wish | undefined {
    if (configuration === undefined) return undefined;
    const learntEndpoints = learnEndpoints(this.#learntEndpoints, observed, this.#options.now());
    this.#learntEndpoints = learntEndpoints;
    return desire({ configuration, local: this.#local(), observed, learntEndpoints });
  }

  #local(): LocalSettings {
    const { member, controlPlaneAddresses } = this.#options;
    return {
      interfaceBase: member.interfaceBase,
      publicKey: wireguardPublicKey(member),
      controlPlaneAddresses: controlPlaneAddresses(),
    };
  }

  #prepare(operations: readonly Operation[], observed: Observed): void {
    if (operations.some((operation) => operation.kind === 'set-sysctl')) {
      this.#options.journal.record(observed.sysctls);
    }
  }

  #conclude(outcome: Outcome): void {
    const wasPending = JSON.stringify(this.#outcome && summaryOf(this.#outcome));
    this.#outcome = outcome;
    const nameOf = peerNames(this.#configuration, this.#previous);
    for (const operation of outcome.done) {
      this.#options.logger.info({ operation: explain(operation, nameOf) }, 'done');
    }
    if (JSON.stringify(summaryOf(outcome)) !== wasPending) {
      for (const { operation, reason } of outcome.failures) {
        this.#options.logger.warn({ operation: explain(operation, nameOf), reason }, 'failed');
      }
      for (const held of outcome.held) this.#options.logger.warn(held, 'held by the local guard');
    }
    this.#report(outcome);
  }

  #report(outcome: Outcome): void {
    const configuration = this.#passedFor;
    if (configuration === undefined || !this.#channel.state().isConnected) return;
    const report = reportOf(configuration, outcome, this.#refused);
    const text = essenceOf(report);
    const now = this.#options.now();
    const last = this.#reported;
    if (last?.text === text && now - last.at < REPORT_INTERVAL_MILLISECONDS) return;
    this.#reported = { text, at: now };
    this.#channel.send(report);
  }
}

/** What makes a report worth sending at once: everything but counters and ages. */
function essenceOf({ version, isApplied, pending, peers }: Report): string {
  const isUp = peers.map((peer) => [peer.publicKey, peer.handshakeAgeSeconds !== undefined]);
  return JSON.stringify([version, isApplied, pending, isUp]);
}

function summaryOf({ failures, held }: Outcome) {
  return { failures: failures.map((failure) => failure.reason), held };
}
