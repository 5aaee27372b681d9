/**
 * IP addresses of interfaces: reads all of them, adds and removes host prefixes. Takes no
 * decision.
 *
 * @module
 * @see rtnetlink(7); attribute numbers from `linux:include/uapi/linux/if_addr.h`
 */
import { familyOf, networkAddress, type Prefix, prefixLength } from '../../protocol/net.ts';
import type { ObservedAddress } from '../state.ts';
import {
  AF_INET,
  AF_INET6,
  addressBytes,
  type Message,
  type Netlink,
  type Request,
  readAddress,
  readNumber,
} from './netlink.ts';

/** An address with the number of its link. */
export type IndexedAddress = Omit<ObservedAddress, 'link'> & { readonly index: number };

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

/** @throws {NetlinkError} */
export async function observeAddresses(netlink: Netlink): Promise<IndexedAddress[]> {
  return (await netlink.dump('address')).flatMap((message) => parseAddressMessage(message) ?? []);
}

/** Undefined for what is not an IP address of this host. @throws {UnreadableError} */
export function parseAddressMessage({ header, attributes }: Message): IndexedAddress | undefined {
  const [family, length = 0] = header; // struct ifaddrmsg
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  // On a point-to-point link IFA_ADDRESS is the other end and IFA_LOCAL ours.
  const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (bytes === undefined) return undefined;
  return { index: readNumber(header.subarray(4, 8)), address: readAddress(bytes), length };
}

/** Adds it, or leaves it as it is when it is there. */
export function addAddress(index: number, address: Prefix): Request {
  return { kind: 'newAddress', ...describe(index, address), flags: ['CREATE', 'REPLACE'] };
}

export function removeAddress(index: number, address: Prefix): Request {
  return { kind: 'delAddress', ...describe(index, address) };
}

function describe(index: number, address: Prefix) {
  const bytes = addressBytes(networkAddress(address));
  const isIpv6 = familyOf(address) === 6;
  return {
    data: {
      family: isIpv6 ? AF_INET6 : AF_INET,
      prefixlen: prefixLength(address),
      index,
      // Duplicate address detection (RFC 4862 §5.4) has nobody to ask on a tunnel; without
      // the flag the address is tentative for a moment, and a route may not name it as source.
      ...(isIpv6 ? { flags: { nodad: true } as const } : {}),
    },
    attributes: { local: bytes, address: bytes },
  };
}
