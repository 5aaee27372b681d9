/**
 * A second opinion on prefixes that people type. Our own parser decides what is canonical;
 * ip-cidr, which was written by others, must then read the same network. Where the two
 * disagree, so will other programs of the operator, and the prefix is refused at the edge.
 * The only door to ip-cidr.
 *
 * Not for the wire between agents and control plane: there our parser alone is the contract.
 *
 * @module
 */
import IPCIDR from 'ip-cidr';
import { canonicalAddress, networkAddress, type Prefix, parsePrefix } from './net.ts';
import { type Parsed, refuse } from './parsed.ts';

/**
 * Accepts a canonical prefix that ip-cidr reads as we do. Only our parser's refusals say
 * what would be accepted: ip-cidr accepts host bits, leading zeros and zones.
 */
export function checkOperatorPrefix(text: string): Parsed<Prefix> {
  const parsed = parsePrefix(text);
  if (!parsed.ok) return parsed;
  if (!IPCIDR.isValidCIDR(text)) return refuse(`"${text}" is not a prefix to ip-cidr`);
  // IPv6 comes back with all its zeros; canonicalAddress() takes any spelling.
  const start = canonicalAddress(new IPCIDR(text).start<string>());
  if (start === networkAddress(parsed.value)) return parsed;
  return refuse(`"${text}" is ambiguous: ip-cidr reads it as a prefix of ${start ?? 'nothing'}`);
}
