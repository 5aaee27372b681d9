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
import type { Configuration } from '../../protocol/configuration.ts';
import type { Digest } from '../../protocol/digest.ts';
import type { Report } from '../../protocol/message.ts';
import { accept, type Parsed, refuse } from '../../protocol/parsed.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { setObservedEndpoint } from '../model/change-connector.ts';
import { type CompiledNetwork, compileNetwork, configurationFor } from '../model/compile.ts';
import { checkInvariants } from '../model/invariants.ts';
import { isLiving, networkOfConnector, rowOf } from '../model/snapshot.ts';
import type { Milliseconds, Snapshot } from '../model/types.ts';
import { type Authority, parseCertificateRequest } from '../pki/authority.ts';
import type { Store } from '../store/store.ts';
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
  /** Of the configuration that it should have; undefined while it is not connected. */
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
  desiredDigest?: Digest | undefined;
  /** The stream that was replaced last: whence it came and when that was. */
  replaced?: { readonly address: string; readonly at: Milliseconds };
};

export class Hub {
  readonly #options: HubOptions;
  readonly #presences = new Map<string, Presence>();
  readonly #compiled = new Map<string, CompiledNetwork>();
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
        compile: () => this.#compile(connectorId),
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
    return {
      isConnected: presence?.session !== undefined,
      lastSeenAt: presence?.lastSeenAt,
      report: presence?.report,
      desiredDigest: presence?.session === undefined ? undefined : presence.desiredDigest,
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
    for (const networkId of touched) this.#compiled.delete(networkId);
    for (const [connectorId, { session }] of this.#presences) {
      const connector = snapshot.connectors.get(connectorId);
      if (connector === undefined || !isLiving(connector)) {
        if (connector === undefined) session?.end('unknown', 'no connector has this identity');
        else session?.remove();
        this.#presences.delete(connectorId);
      } else if (session && touched.has(networkOfConnector(snapshot, connector).id)) {
        const configuration = this.#compile(connectorId);
        if (configuration !== undefined) session.offer(configuration);
      }
    }
  }

  /** Undefined when the configuration breaks an invariant: the agent keeps what it has. */
  #compile(connectorId: string): Configuration | undefined {
    const snapshot = this.#options.store.snapshot();
    const connector = rowOf(snapshot, 'connectors', connectorId);
    const network = networkOfConnector(snapshot, connector);
    const compiled = this.#compiled.get(network.id) ?? compileNetwork(snapshot, network.id);
    this.#compiled.set(network.id, compiled);
    const configuration = configurationFor(compiled, connectorId);
    const presence = this.#presences.get(connectorId);
    if (presence !== undefined) presence.desiredDigest = configuration.digest;
    const violations = checkInvariants(configuration, connector);
    if (violations.length === 0) return configuration;
    this.#options.logger.error(
      { network: network.name, connector: connector.name, revision: snapshot.revision, violations },
      'configuration is not sent: it breaks an invariant, which is a bug; please report it',
    );
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
          'been cloned; run "culvert agent leave" on the copy and join it with a token of its own',
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
