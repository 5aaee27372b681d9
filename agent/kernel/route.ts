/**
 * Routes of the main table: reads everybody's, puts and removes ours. Takes no decision.
 *
 * @module
 * @see rtnetlink(7); numbers from `linux:include/uapi/linux/rtnetlink.h`
 */
import {
  type Family,
  familyOf,
  formatAddress,
  networkAddress,
  type Prefix,
  prefixLength,
  prefixOf,
} from '../../protocol/net.ts';
import { type DesiredRoute, type ObservedRoute, ROUTE_PROTOCOL } from '../state.ts';
import { write16, write32 } from './native-order.ts';
import {
  AF_INET,
  AF_INET6,
  addressBytes,
  type Message,
  type Netlink,
  type RawRequest,
  readAddress,
  readNumber,
} from './netlink.ts';
import { UnreadableError } from './unreadable-error.ts';

/** A route with the number of its link. */
export type IndexedRoute = Omit<ObservedRoute, 'link'> & { readonly index?: number | undefined };

const MAIN_TABLE = 254;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;
const RTA_VIA = 18;

const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const NLM_F_REPLACE = 0x100;
const NLM_F_CREATE = 0x400;
const RTMSG_BYTES = 12;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;

const RTN_UNSPEC = 0;
const RTN_UNICAST = 1;
const RTN_UNREACHABLE = 7;

/** An entry that the kernel cloned from a route for one destination; not a route. */
const RTM_F_CLONED = 0x200;

/** @throws {NetlinkError} */
export async function observeRoutes(netlink: Netlink): Promise<IndexedRoute[]> {
  const messages = [await netlink.dump('route', AF_INET), await netlink.dump('route', AF_INET6)];
  // A kernel without IPv6 answers the second question with the routes of every family.
  return [4 as const, 6 as const].flatMap((family, at) =>
    (messages[at] ?? []).flatMap((message) => parseRoute(message, family) ?? []),
  );
}

/** Undefined for what is not a route of this family in the main table. @throws {UnreadableError} */
export function parseRoute({ header, attributes }: Message, family: Family) {
  // struct rtmsg: family, length of destination and source, TOS, table, protocol, scope, type
  const [af, length = 0, , , shortTable, protocol = 0, , type] = header;
  const table = attributes.get(RTA_TABLE);
  if (af !== (family === 4 ? AF_INET : AF_INET6)) return undefined;
  if ((table === undefined ? shortTable : readNumber(table)) !== MAIN_TABLE) return undefined;
  if ((readNumber(header.subarray(8, 12)) & RTM_F_CLONED) !== 0) return undefined;
  const read = <T>(attribute: number, as: (data: Buffer) => T): T | undefined => {
    const data = attributes.get(attribute);
    return data === undefined ? undefined : as(data);
  };
  const hasGateway = [RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH].some((a) => attributes.has(a));
  const route: IndexedRoute = {
    prefix: readPrefix(read(RTA_DST, readAddress) ?? formatAddress(family, 0n), length, family),
    kind:
      type === RTN_UNICAST
        ? hasGateway
          ? 'gateway'
          : 'device'
        : type === RTN_UNREACHABLE
          ? 'unreachable'
          : 'other',
    protocol,
    metric: read(RTA_PRIORITY, readNumber) ?? 0,
    index: type === RTN_UNICAST ? read(RTA_OIF, readNumber) : undefined,
    source: read(RTA_PREFSRC, readAddress),
  };
  return route;
}

/**
 * Adds the route, or puts it in the place of the one with its prefix and metric, in one step
 * without a moment between (`linux:net/ipv4/fib_trie.c`, fib_table_insert).
 *
 * The kernel would replace another program's route under the same prefix and metric as well;
 * the planner leaves such a route out. What is left is one that appears in the milliseconds
 * between our look and this call, with the very metric that marks ours: it would be lost. No
 * program picks that metric by chance, so this is accepted instead of asking the kernel twice.
 *
 * @param index of the route's link; undefined for `unreachable`
 */
export function replaceRoute(route: DesiredRoute, index?: number): RawRequest {
  const isDevice = route.kind === 'device';
  const scope = isDevice && familyOf(route.prefix) === 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  const more: [number, number | Buffer][] = [];
  if (index !== undefined) more.push([RTA_OIF, index]);
  if (isDevice && route.source !== undefined) more.push([RTA_PREFSRC, addressBytes(route.source)]);
  return {
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    payload: format(route, { scope, type: isDevice ? RTN_UNICAST : RTN_UNREACHABLE, more }),
  };
}

/** Names it by prefix, metric and our protocol number, so that no other program's can go. */
export function removeRoute(route: DesiredRoute): RawRequest {
  const any = { scope: RT_SCOPE_NOWHERE, type: RTN_UNSPEC, more: [] };
  return { type: RTM_DELROUTE, flags: 0, payload: format(route, any) };
}

/**
 * struct rtmsg (family, length of destination and source, TOS, table, protocol, scope, type,
 * flags), then attributes: struct rtattr (length with itself, type), value. In one buffer,
 * because there may be 10,000.
 */
function format(
  { prefix, metric }: DesiredRoute,
  {
    scope,
    type,
    more,
  }: {
    readonly scope: number;
    readonly type: number;
    readonly more: readonly (readonly [attribute: number, value: number | Buffer])[];
  },
): Buffer {
  const attributes = [
    [RTA_DST, addressBytes(networkAddress(prefix))] as const,
    [RTA_PRIORITY, metric] as const,
    ...more,
  ];
  const sizeOf = (value: number | Buffer) => 4 + (typeof value === 'number' ? 4 : value.length);
  const size = attributes.reduce((sum, [, value]) => sum + sizeOf(value), RTMSG_BYTES);
  const payload = Buffer.alloc(size);
  payload[0] = familyOf(prefix) === 6 ? AF_INET6 : AF_INET;
  payload[1] = prefixLength(prefix);
  payload[4] = MAIN_TABLE;
  payload[5] = ROUTE_PROTOCOL;
  payload[6] = scope;
  payload[7] = type;
  let at = RTMSG_BYTES;
  for (const [attribute, value] of attributes) {
    write16(payload, sizeOf(value), at);
    write16(payload, attribute, at + 2);
    if (typeof value === 'number') write32(payload, value, at + 4);
    else value.copy(payload, at + 4);
    at += sizeOf(value);
  }
  return payload;
}

function readPrefix(
  address: Parameters<typeof prefixOf>[0],
  length: number,
  family: Family,
): Prefix {
  if (familyOf(address) !== family || length > (family === 4 ? 32 : 128)) {
    throw new UnreadableError('a netlink message', `the destination ${address}/${length}`);
  }
  return prefixOf(address, length);
}
