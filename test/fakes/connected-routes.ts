/**
 * The routes that a kernel makes by itself. Pure.
 *
 * @module
 */
import type { ObservedAddress, ObservedLink, ObservedRoute } from '../../agent/state.ts';
import { ADDRESS_BITS, familyOf, prefixOf } from '../../protocol/net.ts';

/** rtnetlink(7): RTPROT_KERNEL */
const KERNEL_PROTOCOL = 2;
/** `linux:include/uapi/linux/ipv6_route.h`, IP6_RT_PRIO_ADDRCONF */
const IPV6_METRIC = 256;

/** An address on a link that is up makes a route to its prefix; in the main table not for lo. */
export function connectedRoutes(
  addresses: readonly ObservedAddress[],
  links: ReadonlyMap<string, ObservedLink>,
): ObservedRoute[] {
  return addresses.flatMap(({ link, address, length }): ObservedRoute[] => {
    const isIpv4 = familyOf(address) === 4;
    const isIpv4Host = isIpv4 && length === ADDRESS_BITS[4];
    if (link === 'lo' || isIpv4Host || !links.get(link)?.isUp) return [];
    const route = { prefix: prefixOf(address, length), link, protocol: KERNEL_PROTOCOL };
    return isIpv4
      ? [{ ...route, kind: 'device', metric: 0, source: address }]
      : [{ ...route, kind: 'device', metric: IPV6_METRIC }];
  });
}
