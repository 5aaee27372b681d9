/**
 * The address that an agent is seen from, as far as other connectors can use it.
 *
 * @module
 */
import {
  type Address,
  canonicalAddress,
  contains,
  type Prefix,
  prefix,
} from '../../protocol/net.ts';

/** Addresses that mean another host, or none, on every other machine (RFC 6890). */
const LOCAL_RANGES: readonly Prefix[] = [
  prefix('0.0.0.0/8'),
  prefix('127.0.0.0/8'),
  prefix('169.254.0.0/16'),
  prefix('224.0.0.0/3'), // multicast and reserved
  prefix('::/96'), // unspecified and loopback among them
  prefix('fe80::/10'),
  prefix('ff00::/8'),
];

/**
 * @param text as a socket names its other end: a listener on `::` writes an IPv4 address as
 *   `::ffff:192.0.2.1`, a link-local one carries its zone behind "%"
 * @returns undefined when the address says nothing to another host
 */
export function observedAddress(text: string): Address | undefined {
  const address = canonicalAddress(text.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, ''));
  if (address === undefined) return undefined;
  return LOCAL_RANGES.some((range) => contains(range, address)) ? undefined : address;
}
