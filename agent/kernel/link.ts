/**
 * Network interfaces: reads all of them, makes, sets and deletes ours. Takes no decision.
 *
 * @module
 * @see rtnetlink(7); attribute numbers from `linux:include/uapi/linux/if_link.h`
 */
import { ALIAS_PREFIX, type ObservedLink, type Operation } from '../state.ts';
import {
  linkKind,
  type Message,
  type Netlink,
  NetlinkError,
  parseNested,
  readNumber,
  readText,
} from './netlink.ts';
import type { Run } from './run.ts';

/** A link with the number by which everything else in the kernel refers to it. */
export type Link = ObservedLink & { readonly index: number };

const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_INFO_KIND = 1;
const IFF_UP = 1;

/** @throws {NetlinkError} */
export async function observeLinks(netlink: Netlink): Promise<Link[]> {
  return (await netlink.dump('link')).map(parseLink);
}

/** @throws {UnreadableError} */
export function parseLink({ header, attributes }: Message): Link {
  const name = attributes.get(IFLA_IFNAME);
  const mtu = attributes.get(IFLA_MTU);
  const alias = attributes.get(IFLA_IFALIAS);
  const kind = parseNested(attributes.get(IFLA_LINKINFO) ?? Buffer.alloc(0)).get(IFLA_INFO_KIND);
  return {
    index: readNumber(header.subarray(4, 8)), // struct ifinfomsg: ifi_index, then ifi_flags
    name: name === undefined ? '' : readText(name),
    alias: alias && readText(alias),
    kind: kind && readText(kind),
    mtuBytes: mtu === undefined ? 0 : readNumber(mtu),
    isUp: (readNumber(header.subarray(8, 12)) & IFF_UP) !== 0,
  };
}

/**
 * Makes a link with alias and MTU, still down. Nothing to do when it is there already and
 * carries the alias. A userspace device gets a persistent TUN, so that interface, addresses
 * and routes stay when its process dies.
 *
 * One run of ip(8) makes it and gives it our mark: the kernel cannot do both in one request,
 * but a program that runs on its own is not stopped when the agent is killed between the two.
 *
 * @throws {NetlinkError}
 * @throws {CommandError}
 * @throws {ForeignLinkError}
 */
export async function createLink(
  { run, netlink }: { readonly run: Run; readonly netlink: Netlink },
  { link, alias, mtuBytes, implementation }: Extract<Operation, { kind: 'create-link' }>,
): Promise<void> {
  const present = (await observeLinks(netlink)).find(({ name }) => name === link);
  if (present?.alias === alias) return;
  if (present !== undefined) throw new ForeignLinkError(link);
  const add = {
    kernel: `link add dev ${word(link)} type wireguard`,
    userspace: `tuntap add dev ${word(link)} mode tun`,
  };
  const mark = `link set dev ${word(link)} alias ${word(alias)} mtu ${mtuBytes}`;
  await run(['ip', '-batch', '-'], { input: `${add[implementation]}\n${mark}\n` });
}

/**
 * Finds a link of ours by its name.
 *
 * @throws {NetlinkError} ENODEV when there is none of this name
 * @throws {ForeignLinkError}
 */
export async function ownLink(netlink: Netlink, link: string): Promise<Link> {
  const present = (await observeLinks(netlink)).find(({ name }) => name === link);
  if (present === undefined) throw new NetlinkError('ENODEV');
  if (!present.alias?.startsWith(ALIAS_PREFIX)) throw new ForeignLinkError(link);
  return present;
}

/** Gives the link its MTU and sets it up. @throws {NetlinkError} @throws {ForeignLinkError} */
export async function setLink(
  netlink: Netlink,
  { link, mtuBytes }: Extract<Operation, { kind: 'set-link' }>,
): Promise<void> {
  const { index } = await ownLink(netlink, link);
  const data = { index, flags: { up: true }, change: { up: true } } as const;
  const [error] = await netlink.request([{ kind: 'setLink', data, attributes: { mtu: mtuBytes } }]);
  if (error !== undefined) throw error;
}

/** Leaves up or down as it is. @throws {NetlinkError} */
export async function setMtu(netlink: Netlink, { index, mtuBytes }: Link): Promise<void> {
  const [error] = await netlink.request([
    { kind: 'setLink', data: { index }, attributes: { mtu: mtuBytes } },
  ]);
  if (error !== undefined) throw error;
}

/** Deletes a link, and with it its addresses and routes. @throws {NetlinkError} */
export async function removeLink(netlink: Netlink, { index }: Link): Promise<void> {
  const [error] = await netlink.request([{ kind: 'delLink', data: { index }, attributes: {} }]);
  if (error !== undefined && error.code !== 'ENODEV') throw error;
}

/**
 * Whether the kernel has its own WireGuard; loads the module when it is one.
 *
 * Asks for a link that cannot be made, because its name has a slash, so that nothing is left
 * behind: the kernel looks for the kind first (`linux:net/core/rtnetlink.c`, __rtnl_newlink)
 * and at the name last (`linux:net/core/dev.c`, dev_valid_name).
 *
 * @throws {NetlinkError} when the kernel answers neither
 */
export async function hasKernelWireGuard(netlink: Netlink): Promise<boolean> {
  return await hasKernelLinkKind(netlink, 'wireguard');
}

/** For {@link hasKernelWireGuard}; any kind of ip-link(8), so that both answers can be seen. */
export async function hasKernelLinkKind(netlink: Netlink, kind: string): Promise<boolean> {
  const attributes = { ifname: 'culvert/probe', linkinfo: linkKind(kind) };
  const [error] = await netlink.request([
    { kind: 'newLink', data: {}, attributes, flags: ['CREATE', 'EXCL'] },
  ]);
  if (error?.code === 'EINVAL') return true;
  if (error?.code === 'ENOTSUP') return false;
  throw error ?? new RangeError('Cannot probe for WireGuard: the kernel took a name with a slash');
}

/** A link of this name is there, and it does not carry our mark. */
export class ForeignLinkError extends Error {
  override readonly name = 'ForeignLinkError';

  constructor(link: string) {
    super(
      `another program's link is called "${link}"; rename or remove it: ip link delete ${link}`,
    );
  }
}

/** In a batch of ip(8) a space would start another argument. @throws {RangeError} */
function word(text: string): string {
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new RangeError(`Cannot pass ${JSON.stringify(text)} to ip(8): not one printable word`);
  }
  return text;
}
