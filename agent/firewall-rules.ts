/**
 * The rules of our nftables table, as text with an id. Pure.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { FirewallRule } from './state.ts';

/** IPv4 header and TCP header without options (RFC 9293 §3.7.1, RFC 6691). */
const IPV4_TCP_HEADER_BYTES = 40;
const IPV6_TCP_HEADER_BYTES = 60;

/**
 * Clamps the TCP maximum segment size of connections through our interfaces, in both
 * directions: towards the tunnel to the route's MTU, from the tunnel to the interface's.
 * Needed wherever ICMP is dropped on the way (RFC 2923 §2.1). The kernel only ever lowers the
 * value (`linux:net/netfilter/nft_exthdr.c`).
 */
export function clampRules(
  interfaces: readonly { readonly name: string; readonly mtuBytes: number }[],
): FirewallRule[] {
  return interfaces.flatMap(({ name, mtuBytes }) => [
    rule(`oifname "${name}" tcp flags syn tcp option maxseg size set rt mtu`),
    rule(clampFrom(name, 'ipv4', mtuBytes - IPV4_TCP_HEADER_BYTES)),
    rule(clampFrom(name, 'ipv6', mtuBytes - IPV6_TCP_HEADER_BYTES)),
  ]);
}

function clampFrom(name: string, family: 'ipv4' | 'ipv6', sizeBytes: number): string {
  const match = `iifname "${name}" meta nfproto ${family} tcp flags syn`;
  return `${match} tcp option maxseg size set ${sizeBytes}`;
}

function rule(text: string): FirewallRule {
  const id = createHash('sha256').update(`forward ${text}`).digest('hex').slice(0, 16);
  return { chain: 'forward', text, id };
}
