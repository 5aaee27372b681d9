/**
 * The local guard: which prefixes this host lets into the tunnel, whatever the control plane
 * says. It protects the host's own networks and the paths that the tunnel itself needs. Pure.
 *
 * @module
 */
import { type Address, comparePrefixes, contains, overlaps, type Prefix } from '../protocol/net.ts';
import type { PrefixTable } from '../protocol/prefix-table.ts';
import { whyNotASitePrefix } from '../protocol/special-purpose.ts';

/** What must stay reachable as it is. */
export type Protected = {
  /** Prefixes of the host's own interfaces, by longest match to the interface's name. */
  readonly connected: PrefixTable<string>;
  /** Prefixes behind the own site. */
  readonly local: readonly Prefix[];
  /** Addresses the tunnel itself is carried to, with what they are: "the endpoint of peer x". */
  readonly underlay: readonly { readonly address: Address; readonly what: string }[];
};

/**
 * Why a prefix may not be routed into the tunnel, or undefined when it may.
 *
 * A prefix that merely contains a connected one is harmless: in the main table the connected
 * route is longer and wins. One that equals it or lies inside it would take it over.
 */
export function whyHeld(prefix: Prefix, shield: Protected): string | undefined {
  const special = whyNotASitePrefix(prefix);
  if (special !== undefined) return special;
  const local = shield.local.find((own) => overlaps(own, prefix));
  if (local !== undefined) return `it overlaps "${local}", which is behind this site`;
  const connected = shield.connected
    .overlapping(prefix)
    .filter((match) => contains(match.prefix, prefix))
    .sort((a, b) => comparePrefixes(a.prefix, b.prefix))[0];
  if (connected !== undefined) {
    return `it would take over "${connected.prefix}", connected on ${connected.value}`;
  }
  const path = shield.underlay.find(({ address }) => contains(prefix, address));
  if (path !== undefined) return `it holds ${path.address}, ${path.what}: the tunnel would loop`;
  return undefined;
}
