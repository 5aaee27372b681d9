/**
 * Every agent's stream in one place: gives each connected agent the configuration it should
 * have and tells it of every change that concerns it, remembers what agents reported, and
 * knows who is there. Opens no socket: `listener.ts` brings streams in.
 *
 * What an agent is told depends only on the store's snapshot, so a hub that starts with empty
 * hands (a restart) gives the same answers.
 *
 * @module
 */
import type { Digest } from '../../protocol/digest.ts';
import type { Report } from '../../protocol/message.ts';
import { accept, type Parsed, refuse } from '../../protocol/parsed.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { setObservedEndpoint } from '../model/change-connector.ts';
import { type CompiledNetwork, compileNetwork } from '../model/compile.ts';
import { checkNetwork } from '../model/invariants.ts';
import { isLiving, networkOfConnector, rowOf } from '../model/snapshot.ts';
import type { Milliseconds, Snapshot } from '../model/types.ts';
import { type Authority, parseCertificateRequest } from '../pki/authority.ts';
import type { Store } from '../store/store.ts';
import { digestFor, NetworkChange } from './network-change.ts';
import { observedAddress } from './observed-address.ts';
import { type CloseCause, Session, type Transport } from './session.ts';
import { touchedNetworks } from './touched-networks.ts';

/** Two addresses that take a stream from each other within this time are two machines. */
const CLONE_WINDOW: Milliseconds = 60_000;

/** What the hub knows of one connector; nothing of it is stored. */
export type ConnectorFacts = {
  readonly isConnected: boolean;
  /** When its agent was heard last; undefined when not since the control plane started. */
  readonly lastSeenAt: Milliseconds | undefined;
  readonly report: Report | undefined;
  /** Of the configuration that it should have; undefined when it cannot be given one. */
  readonly desiredDigest: Digest | undefined;
};

export type HubOptions = {
  readonly store: Pick<Store, 'snapshot' | 'change' | 'subscribe'>;
  readonly authority: Pick<Authority, 'issueAgent' | 'certificatePem'>;
  readonly logger: Logger;
  readonly clock: Clock;
};

type Presence = {
  session?: Session | undefined;
  lastSeenAt?: Milliseconds;
  report?: Report;
  /** The stream that was replaced last: whence it came and when that was. */
  replaced?: { readonly address: string; readonly at: Milliseconds };
};

export class Hub {
  readonly #options: HubOptions;
  readonly #presences = new Map<string, Presence>();
  /** By id; undefined for a network that may not be sent. What is missing was not asked for. */
  readonly #networks = new Map<string, CompiledNetwork | undefined>();
  readonly #unsubscribe: () => void;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#unsubscribe = options.store.subscribe((snapshot, previous) =>
      this.#follow(snapshot, previous),
    );
  }

  /**
   * Takes a stream in. The caller has proved who speaks; a connector that was removed is told
   * so, and one that is not known is refused without it: that may be the fault of a restore
   * from an old backup, and must not make an agent leave.
   *
   * @param remoteAddress as the socket names it
   */
  open({
    connectorId,
    remoteAddress,
    transport,
  }: {
    readonly connectorId: string;
    readonly remoteAddress: string;
    readonly transport: Transport;
  }): Session {
    const { store, logger, clock } = this.#options;
    const connector = store.snapshot().connectors.get(connectorId);
    const session: Session = new Session({
      connectorId,
      remoteAddress,
      transport,
      clock,
      host: {
        compile: () => this.#networkOf(connectorId),
        reported: (report) => this.#note(session, { report }),
        renew: (pem) => this.#renew(connectorId, pem),
        seen: () => this.#note(session, { lastSeenAt: clock.now() }),
        ended: (cause) => this.#ended(session, cause),
      },
    });
    if (connector === undefined) {
      session.end('unknown', 'no connector has this identity');
    } else if (!isLiving(connector)) {
      session.remove();
    } else {
      const presence = this.#presences.get(connectorId) ?? {};
      this.#presences.set(connectorId, presence);
      this.#replace(presence, session);
      presence.session = session;
      presence.lastSeenAt = clock.now();
      logger.info({ connector: connector.name, address: remoteAddress }, 'agent connected');
      void this.#observe(session);
    }
    return session;
  }

  statusOf(connectorId: string): ConnectorFacts {
    const presence = this.#presences.get(connectorId);
    const isConnected = presence?.session?.isGreeted === true;
    const compiled = isConnected ? this.#networkOf(connectorId) : undefined;
    return {
      isConnected,
      lastSeenAt: presence?.lastSeenAt,
      report: presence?.report,
      desiredDigest: compiled && digestFor(compiled, connectorId),
    };
  }

  /** Ends every stream; the agents will try again elsewhere or later. */
  close(): void {
    this.#unsubscribe();
    for (const { session } of this.#presences.values()) {
      session?.end('stopping', 'the control plane stops');
    }
  }

  /** Brings every connected agent of a touched network to the snapshot. */
  #follow(snapshot: Snapshot, previous: Snapshot): void {
    if (snapshot.revision === previous.revision && snapshot.epoch === previous.epoch) return;
    const touched = touchedNetworks(previous, snapshot);
    for (const networkId of touched) this.#networks.delete(networkId);
    const changes = new Map<CompiledNetwork, NetworkChange>();
    for (const [connectorId, { session }] of this.#presences) {
      const connector = snapshot.connectors.get(connectorId);
      if (connector === undefined || !isLiving(connector)) {
        if (connector === undefined) session?.end('unknown', 'no connector has this identity');
        else session?.remove();
        this.#presences.delete(connectorId);
      } else if (session && touched.has(networkOfConnector(snapshot, connector).id)) {
        const compiled = this.#networkOf(connectorId);
        if (compiled === undefined) continue;
        session.offer(compiled, (earlier) => {
          const change = changes.get(earlier) ?? new NetworkChange(earlier, compiled);
          changes.set(earlier, change);
          return change;
        });
      }
    }
  }

  /** The connector's network, compiled and checked once for all and until it is touched. */
  #networkOf(connectorId: string): CompiledNetwork | undefined {
    const snapshot = this.#options.store.snapshot();
    const connector = rowOf(snapshot, 'connectors', connectorId);
    const { id } = networkOfConnector(snapshot, connector);
    if (!this.#networks.has(id)) this.#networks.set(id, this.#compile(snapshot, id));
    return this.#networks.get(id);
  }

  /** Undefined when something breaks an invariant: the network's agents keep what they have. */
  #compile(snapshot: Snapshot, networkId: string): CompiledNetwork | undefined {
    const { revision } = snapshot;
    const network = snapshot.networks.get(networkId)?.name;
    const message = 'network is not sent: it breaks an invariant, which is a bug; please report it';
    try {
      const compiled = compileNetwork(snapshot, networkId);
      const violations = checkNetwork(compiled);
      if (violations.length === 0) return compiled;
      this.#options.logger.error({ network, revision, violations }, message);
    } catch (err) {
      this.#options.logger.error({ network, revision, err }, message);
    }
    return undefined;
  }

  /** The youngest stream of a connector is the true one: the older may be dead unnoticed. */
  #replace(presence: Presence, successor: Session): void {
    const { clock, logger } = this.#options;
    const { session: old, replaced } = presence;
    if (old === undefined) return;
    const now = clock.now();
    if (
      old.remoteAddress !== successor.remoteAddress &&
      replaced?.address === successor.remoteAddress &&
      now - replaced.at < CLONE_WINDOW
    ) {
      logger.warn(
        {
          connector: this.#nameOf(old.connectorId),
          addresses: [old.remoteAddress, successor.remoteAddress],
        },
        'two addresses take the stream of one connector from each other: its machine may have ' +
          'been cloned; on the copy stop the agent, delete its state and join with another token',
      );
    }
    presence.replaced = { address: old.remoteAddress, at: now };
    old.end('replaced', 'another stream of this connector took over');
  }

  #ended(session: Session, cause: CloseCause | 'left'): void {
    const presence = this.#presences.get(session.connectorId);
    if (presence?.session !== session) return; // refused, or replaced: not the true one
    presence.session = undefined;
    const connector = this.#nameOf(session.connectorId);
    this.#options.logger.info({ connector, cause }, 'agent disconnected');
  }

  async #renew(
    connectorId: string,
    pem: string,
  ): Promise<Parsed<{ readonly certificate: string; readonly authority: string }>> {
    const { store, authority, logger } = this.#options;
    try {
      const request = await parseCertificateRequest(pem);
      if (!request.ok) return request;
      const connector = store.snapshot().connectors.get(connectorId);
      if (connector?.identityFingerprint !== request.value.identityFingerprint) {
        return refuse('the certificate request is of another key than the connector joined with');
      }
      const certificate = await authority.issueAgent(request.value, connectorId);
      logger.info({ connector: connector.name }, 'certificate renewed');
      return accept({ certificate, authority: authority.certificatePem });
    } catch (error) {
      logger.error({ connector: this.#nameOf(connectorId), err: error }, 'cannot renew');
      return refuse('the control plane failed to issue the certificate; try again');
    }
  }

  /** Peers learn where the connector is reached, unless an operator said it. */
  async #observe(session: Session): Promise<void> {
    const { store, logger } = this.#options;
    const { connectorId } = session;
    const address = observedAddress(session.remoteAddress);
    if (address === undefined) return;
    try {
      await store.change((snapshot) => setObservedEndpoint(snapshot, { connectorId, address }));
    } catch (error) {
      logger.error({ connector: this.#nameOf(connectorId), err: error }, 'cannot store address');
    }
  }

  /** Only what the true stream says counts; a replaced one may still be draining. */
  #note(session: Session, news: Pick<Presence, 'lastSeenAt' | 'report'>): void {
    const presence = this.#presences.get(session.connectorId);
    if (presence?.session === session) Object.assign(presence, news);
  }

  #nameOf(connectorId: string): string {
    return this.#options.store.snapshot().connectors.get(connectorId)?.name ?? connectorId;
  }
}
