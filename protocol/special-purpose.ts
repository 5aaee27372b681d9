/**
 * Ranges that cannot be a site's prefix, whoever asks: addresses that no host at a site can
 * have, or that mean something else on every machine. The agent refuses them from the wire
 * by the same table (its local guard), so a lying control plane cannot route them.
 *
 * Private ranges (RFC 1918, RFC 4193) and shared address space (RFC 6598) are what sites are
 * made of and are allowed, as is every public range.
 *
 * @module
 * @see RFC 6890 and the IANA special-purpose address registries that it set up
 */
import { type Prefix, prefix, prefixLength } from './net.ts';
import { PrefixTable } from './prefix-table.ts';

export type SpecialPurposeRange = {
  readonly prefix: Prefix;
  readonly name: string;
  /** Where the range is defined. */
  readonly source: string;
};

export const SPECIAL_PURPOSE_RANGES: readonly SpecialPurposeRange[] = [
  range('0.0.0.0/8', 'this network', 'RFC 791 §3.2'),
  range('127.0.0.0/8', 'loopback', 'RFC 1122 §3.2.1.3'),
  range('169.254.0.0/16', 'link-local', 'RFC 3927'),
  range('192.0.0.0/24', 'IETF protocol assignments', 'RFC 6890 §2.1'),
  range('192.0.2.0/24', 'documentation', 'RFC 5737'),
  range('192.88.99.0/24', '6to4 relay anycast', 'RFC 7526'),
  range('198.18.0.0/15', 'benchmarking', 'RFC 2544'),
  range('198.51.100.0/24', 'documentation', 'RFC 5737'),
  range('203.0.113.0/24', 'documentation', 'RFC 5737'),
  range('224.0.0.0/4', 'multicast', 'RFC 5771'),
  range('240.0.0.0/4', 'reserved and broadcast', 'RFC 1112 §4'),
  range('::/96', 'unspecified, loopback and IPv4-compatible', 'RFC 4291 §2.5'),
  range('::ffff:0.0.0.0/96', 'IPv4-mapped', 'RFC 4291 §2.5.5.2'),
  range('64:ff9b::/96', 'IPv4-IPv6 translation', 'RFC 6052'),
  range('64:ff9b:1::/48', 'IPv4-IPv6 translation', 'RFC 8215'),
  range('100::/64', 'discard-only', 'RFC 6666'),
  range('2001::/23', 'IETF protocol assignments', 'RFC 2928'),
  range('2001:db8::/32', 'documentation', 'RFC 3849'),
  range('2002::/16', '6to4', 'RFC 3056'),
  range('3fff::/20', 'documentation', 'RFC 9637'),
  range('fe80::/10', 'link-local', 'RFC 4291 §2.5.6'),
  range('ff00::/8', 'multicast', 'RFC 4291 §2.7'),
];

const TABLE = new PrefixTable(
  SPECIAL_PURPOSE_RANGES.map((special) => [special.prefix, special] as const),
);

/**
 * Why a prefix cannot be a site's, or undefined when it can.
 * A default route is refused here as well: it would be every range at once.
 */
export function whyNotASitePrefix(value: Prefix): string | undefined {
  if (prefixLength(value) === 0) {
    return `"${value}" is every address; expected the prefixes that are behind the site`;
  }
  const range = TABLE.overlapping(value)[0]?.value;
  if (range === undefined) return undefined;
  return (
    `"${value}" meets the special-purpose range ${range.prefix} (${range.name}, ` +
    `${range.source}); expected a private or public unicast prefix`
  );
}

function range(text: string, name: string, source: string): SpecialPurposeRange {
  return { prefix: prefix(text), name, source };
}
