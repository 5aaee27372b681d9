/**
 * What an operation brings about and what it needs, so that a failed one fails what depends
 * on it and nothing else. Pure.
 *
 * @module
 */
import type { Operation } from './state.ts';

/** Names of things in the kernel that operations make: `link culvert0`, `address 10.1.0.1`. */
export type Resource = string;

/** What is not there when the operation failed. */
export function provides(operation: Operation): Resource[] {
  switch (operation.kind) {
    case 'create-link':
      return [`link ${operation.link}`];
    case 'start-device':
      return [`device ${operation.link}`];
    case 'set-device':
      return [`key ${operation.link}`];
    case 'set-link':
      return [`up ${operation.link}`];
    case 'add-address':
      return [
        `address ${operation.address.slice(0, operation.address.indexOf('/'))}`,
        `addresses of ${operation.link}`,
      ];
    case 'replace-route':
      return operation.route.kind === 'unreachable' ? [`backstop ${operation.route.prefix}`] : [];
    case 'remove-route':
      return operation.route.kind === 'device'
        ? [`absence of route ${operation.route.prefix}`]
        : [];
    case 'set-firewall':
      return ['firewall'];
    case 'set-sysctl':
      return operation.key.endsWith('/accept_ra') ? ['router advertisements'] : [];
    default:
      return [];
  }
}

/**
 * What must not have failed before. Forwarding waits for the firewall: policy before traffic.
 * IPv6 forwarding also waits for accept_ra: else a WAN that lives by advertisements goes dark.
 * A way into the tunnel waits for its backstop, and a backstop stays while the way is there. An
 * address stays until its successor is there: with the last IPv4 address of a link go all its
 * IPv4 routes (`linux:net/ipv4/fib_frontend.c`, fib_inetaddr_event).
 */
export function needs(operation: Operation): Resource[] {
  switch (operation.kind) {
    case 'start-device':
    case 'add-address':
      return [`link ${operation.link}`];
    case 'set-device':
    case 'set-link':
      return [`link ${operation.link}`, `device ${operation.link}`];
    case 'set-peer':
      return [`link ${operation.link}`, `device ${operation.link}`, `key ${operation.link}`];
    case 'replace-route': {
      const { route } = operation;
      if (route.kind === 'unreachable') return [];
      const source = route.source === undefined ? [] : [`address ${route.source}`];
      return [
        `backstop ${route.prefix}`,
        `link ${route.link}`,
        `device ${route.link}`,
        `up ${route.link}`,
        ...source,
      ];
    }
    case 'remove-route':
      return operation.route.kind === 'device'
        ? []
        : [`absence of route ${operation.route.prefix}`];
    case 'remove-address':
      return [`addresses of ${operation.link}`];
    case 'set-sysctl': {
      const isRouter = operation.key === 'net/ipv6/conf/all/forwarding';
      return ['firewall', ...(isRouter ? ['router advertisements'] : [])];
    }
    default:
      return [];
  }
}
