/**
 * Runs the agent of this host: takes the host lock, wires the agent to the real kernel, the
 * control plane, the disk and the clock, and ends on a signal without touching the kernel.
 *
 * @module
 */

import { X509Certificate } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import type { Server } from 'node:http';
import type { Endpoint } from '../protocol/endpoint.ts';
import { type Address, canonicalAddress } from '../protocol/net.ts';
import { Agent } from './agent.ts';
import { createCertificateRequest } from './certificate-request.ts';
import { WebSocketChannel } from './channel.ts';
import { hostKernel } from './host-kernel.ts';
import { lockHost } from './host-lock.ts';
import { identityKey, type Member, removeState, saveIdentity } from './identity.ts';
import { startMonitor } from './kernel/monitor.ts';
import { restoreHost } from './leave.ts';
import type { Logger } from './log.ts';
import { formatMetrics } from './metrics.ts';
import { serveMetrics } from './metrics-listener.ts';
import { StateFile } from './state-file.ts';
import { serveStatus } from './status-socket.ts';
import { SysctlJournal } from './sysctl-journal.ts';

export type RunOptions = {
  readonly member: Member;
  readonly stateDirectory: string;
  readonly runDirectory: string;
  /** Where to serve metrics over TCP, beside the local socket. */
  readonly metrics?: Endpoint | undefined;
  readonly logger: Logger;
};

/** A certificate is renewed when a third of its life is left; that is looked at this often. */
const RENEWAL_LOOK_MILLISECONDS = 60 * 60 * 1000;
const RENEWAL_REMAINDER = 1 / 3;

/**
 * Runs until a signal, or until an operator removes the connector.
 *
 * @returns exit status
 * @throws {HostLockedError} when another agent of this host runs
 */
export async function runAgent(options: RunOptions): Promise<number> {
  const unlock = await lockHost();
  const { stateDirectory, runDirectory, logger } = options;
  let { member } = options;
  const { connectorId, urls } = member.membership;
  const kernel = hostKernel(member);
  const journal = new SysctlJournal(stateDirectory);
  const controlPlane = new KnownAddresses(urls);
  const end = Promise.withResolvers<'signal' | 'removed'>();
  const agent = new Agent({
    member,
    kernel,
    journal,
    stateFile: new StateFile({ directory: stateDirectory, connectorId }),
    controlPlaneAddresses: () => controlPlane.addresses,
    openChannel: (events) =>
      new WebSocketChannel({
        ...events,
        onOpen: () => {
          events.onOpen();
          void controlPlane.look();
        },
        urls,
        credentials: () => ({
          authority: member.membership.authority,
          certificate: member.membership.certificate,
          key: member.identityPrivateKey.reveal(),
        }),
        logger,
        now: Date.now,
        random: Math.random,
      }),
    onCertificate: ({ certificate, authority }) => {
      member = { ...member, membership: { ...member.membership, certificate, authority } };
      saveIdentity(stateDirectory, member);
      logger.info({ until: new X509Certificate(certificate).validTo }, 'certificate renewed');
      agent.reconnect();
    },
    onRemoved: () => end.resolve('removed'),
    logger,
    now: Date.now,
    random: Math.random,
  });
  const metrics = () =>
    formatMetrics({
      status: agent.status(),
      reconcile: agent.counters(),
      certificateExpirySeconds: expiryOf(member.membership.certificate) / 1000,
    });
  const servers = [
    await serveStatus(runDirectory, {
      status: () => agent.status(),
      metrics,
      accept: (revision) => agent.acceptOffered(revision),
    }),
    ...(await metricsServers(options, metrics)),
  ];
  const monitor = startMonitor({
    wake: () => agent.wake(),
    onExit: (program, reason) => logger.warn({ program, reason }, 'kernel monitor ended'),
  });
  const renewal = setInterval(() => void renewWhenDue(agent, member), RENEWAL_LOOK_MILLISECONDS);
  void controlPlane.look();
  logger.info({ connector: member.membership.connector, urls }, 'agent started');

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => end.resolve('signal'));
  }
  const reason = await end.promise;
  clearInterval(renewal);
  monitor.stop();
  await agent.stop();
  await Promise.all(servers.map(closed));
  if (reason === 'removed') {
    for (const problem of await restoreHost(kernel, journal)) {
      logger.warn({ problem }, 'cannot put everything back');
    }
    removeState(stateDirectory);
  }
  kernel.close();
  unlock();
  logger.info({ reason }, reason === 'removed' ? 'removed by an operator' : 'agent stopped');
  return 0;
}

/** The control plane's addresses: those in its URLs, and what their names stood for last. */
class KnownAddresses {
  readonly #hosts: readonly string[];
  addresses: readonly Address[];

  constructor(urls: readonly string[]) {
    this.#hosts = urls.map((url) => new URL(url).hostname.replace(/^\[|\]$/g, ''));
    this.addresses = this.#hosts.flatMap((host) => canonicalAddress(host) ?? []);
  }

  /** Resolves the names again; a name that does not resolve keeps what it had. */
  async look(): Promise<void> {
    for (const host of this.#hosts) {
      const found = await lookup(host, { all: true }).catch(() => []);
      const fresh = found.flatMap(({ address }) => canonicalAddress(address) ?? []);
      this.addresses = [...new Set([...this.addresses, ...fresh])];
    }
  }
}

async function renewWhenDue(agent: Agent, member: Member): Promise<void> {
  const certificate = new X509Certificate(member.membership.certificate);
  const begin = Date.parse(certificate.validFrom);
  const end = Date.parse(certificate.validTo);
  if (end - Date.now() > (end - begin) * RENEWAL_REMAINDER) return;
  agent.renew(await createCertificateRequest(identityKey(member)));
}

/** An address that cannot be had costs the metrics, not the agent. */
async function metricsServers(
  { metrics: endpoint, logger }: RunOptions,
  metrics: () => string,
): Promise<Server[]> {
  if (endpoint === undefined) return [];
  try {
    return [await serveMetrics(endpoint, metrics)];
  } catch (error) {
    logger.warn({ endpoint, err: error }, 'cannot serve metrics there; the local socket has them');
    return [];
  }
}

/** Unix milliseconds. */
function expiryOf(certificate: string): number {
  return Date.parse(new X509Certificate(certificate).validTo);
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
