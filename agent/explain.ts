/**
 * Says in one line what an operation does, in the words that logs, `culvert agent plan`,
 * status and reports all use. Pure.
 *
 * @module
 */
import type { PublicKey } from '../protocol/keys.ts';
import type { DesiredRoute, Operation } from './state.ts';

/** Gives a peer's name where it has one: `branch/branch-gw`. */
export type NameOf = (publicKey: PublicKey) => string;

export function explain(operation: Operation, nameOf: NameOf): string {
  switch (operation.kind) {
    case 'create-link': {
      const kind = operation.implementation === 'kernel' ? 'kernel' : 'userspace';
      return `create interface ${operation.link} (${kind} WireGuard, MTU ${operation.mtuBytes})`;
    }
    case 'start-device':
      return `start userspace WireGuard on ${operation.link}`;
    case 'set-device':
      return `give ${operation.link} the key ${operation.publicKey}, port ${operation.listenPort}`;
    case 'set-link':
      return `set ${operation.link} up, MTU ${operation.mtuBytes}`;
    case 'add-address':
      return `add address ${operation.address} to ${operation.link}`;
    case 'set-peer': {
      const { publicKey, allowedIps, endpoint, keepaliveSeconds } = operation.peer;
      const at = endpoint === undefined ? '' : ` at ${endpoint}`;
      const keepalive = keepaliveSeconds === 0 ? 'off' : `${keepaliveSeconds} s`;
      const allowed = allowedIps.join(', ');
      return `set peer ${nameOf(publicKey)}${at}, keepalive ${keepalive}, allowed IPs ${allowed}`;
    }
    case 'replace-route':
      return `route ${explainRoute(operation.route)}`;
    case 'set-firewall':
      return `set firewall table, ${operation.rules.length} rules`;
    case 'set-sysctl':
      return `set ${operation.key} to ${operation.value}`;
    case 'remove-route':
      return `remove route ${explainRoute(operation.route)}`;
    case 'remove-peer':
      return `remove peer ${nameOf(operation.publicKey)} from ${operation.link}`;
    case 'remove-address':
      return `remove address ${operation.address} from ${operation.link}`;
    case 'remove-link':
      return `remove interface ${operation.link}`;
    case 'remove-firewall':
      return 'remove firewall table';
  }
}

function explainRoute(route: DesiredRoute): string {
  if (route.kind === 'unreachable') return `${route.prefix} unreachable (backstop)`;
  const source = route.source === undefined ? '' : `, source ${route.source}`;
  return `${route.prefix} to ${route.link}${source}`;
}
