/**
 * The agent's status as a person reads it: what is so first, what is wrong next, details
 * below. Pure.
 *
 * @module
 */
import type { AgentStatus, PeerStatus } from './status.ts';

export function formatStatus(status: AgentStatus): string {
  const { connector, site, network, controlPlane, configuration } = status;
  const peers = status.peers.map((peer) => peerLine(peer));
  const lines = [
    `connector      ${connector}, site ${site}, network ${network}`,
    `control plane  ${controlPlaneLine(controlPlane)}`,
    `configuration  ${configuration === null ? 'none yet' : `revision ${configuration.revision}`}` +
      `${status.isApplied ? ', applied' : ', not applied'}`,
    ...(status.refused === null ? [] : [`refused        ${status.refused}`]),
    ...status.pending.map(({ operation, reason }) => `pending        ${operation}: ${reason}`),
    `interface      ${interfaceLine(status)}`,
    `peers          ${peers.length === 0 ? 'none' : ''}`.trimEnd(),
    ...peers.map((line) => `  ${line}`),
  ];
  return lines.join('\n');
}

function controlPlaneLine(controlPlane: AgentStatus['controlPlane']): string {
  const age = formatSeconds(controlPlane.sinceSeconds);
  if (controlPlane.isConnected) return `connected for ${age}`;
  const reason = controlPlane.reason === null ? '' : ` (${controlPlane.reason})`;
  return `away for ${age}${reason}; forwarding as configured last`;
}

function interfaceLine({ interfaces, wireGuard }: AgentStatus): string {
  if (interfaces.length === 0) return 'none';
  const names = interfaces.map(({ name, listenPort }) => `${name}, UDP port ${listenPort}`);
  return `${names.join('; ')} (${wireGuard ?? 'unknown'} WireGuard)`;
}

function peerLine(peer: PeerStatus): string {
  const { name, state, endpoint, handshakeAgeSeconds: age } = peer;
  const handshake = age === null ? 'no handshake yet' : `handshake ${formatSeconds(age)} ago`;
  const traffic = `${formatBytes(peer.receivedBytes)} in, ${formatBytes(peer.sentBytes)} out`;
  const where = endpoint === null ? 'no endpoint' : endpoint;
  return `${name}  ${state}  ${where}  ${handshake}  ${traffic}  ${peer.allowedIps.join(', ')}`;
}

/** Whole units, the largest that fits: `45 s`, `3 min`, `2 h`, `5 d`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** Powers of 1024, one decimal: `512 B`, `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
