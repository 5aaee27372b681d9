/**
 * What only the doctor asks the kernel: everybody's firewall rules, default gateways, and
 * whether a host answers. Takes no decision.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { type Address, canonicalAddress, familyOf, hostPrefix } from '../../protocol/net.ts';
import { CommandError, locate, MissingProgramError, type Run } from './run.ts';

/** An echo request without an answer after this long has none. */
const ECHO_SECONDS = 1;

/** The kernel itself takes the address back after this long, whatever becomes of us. */
const BORROWED_SECONDS = 5;

/** `linux:include/uapi/linux/if_tun.h`: wireguard-go asks for it since it knows offloads. */
const IFF_VNET_HDR = 0x4000;

/** As JSON, see libnftables-json(5). @throws {CommandError} */
export function listRuleset(run: Run): Promise<string> {
  return run(['nft', '-j', 'list', 'ruleset']);
}

/** Next hops of default routes, without link-local ones. @throws {CommandError} */
export async function defaultGateways(
  run: Run,
): Promise<{ readonly address: Address; readonly link: string }[]> {
  const listed = await Promise.all([
    run(['ip', '-j', '-4', 'route', 'show', 'default']),
    run(['ip', '-j', '-6', 'route', 'show', 'default']),
  ]);
  // As ip-route(8) prints it: an empty text where the family has none.
  const routes = listed.flatMap((text) => (text.trim() === '' ? [] : JSON.parse(text)));
  return routes.flatMap(({ gateway, dev }: { gateway?: string; dev?: string }) => {
    const address = canonicalAddress(gateway ?? '');
    const isUsable = address !== undefined && !address.startsWith('fe80:') && dev !== undefined;
    return isUsable ? [{ address, link: dev }] : [];
  });
}

/** What is missing for {@link echo}, one sentence each. */
export function missingForProbes(): string[] {
  try {
    locate('ping');
    return [];
  } catch (error) {
    if (error instanceof MissingProgramError) return [error.message];
    throw error;
  }
}

/** True when the host answers an echo request; false also where none can be sent. */
export async function echo(run: Run, to: Address, from?: Address): Promise<boolean> {
  const source = from === undefined ? [] : ['-I', from];
  try {
    await run(['ping', '-n', '-q', '-c', '1', '-W', `${ECHO_SECONDS}`, ...source, to]);
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

/**
 * Like {@link echo}, from an address that this host borrows for the while: on `lo`, where it
 * draws no traffic of others.
 */
export async function echoFrom(run: Run, to: Address, from: Address): Promise<boolean> {
  const address = [hostPrefix(from), 'dev', 'lo'];
  const limits = ['valid_lft', `${BORROWED_SECONDS}`, 'preferred_lft', `${BORROWED_SECONDS}`];
  const isIpv6 = familyOf(from) === 6;
  const add = ['address', 'add', ...address, ...limits, ...(isIpv6 ? ['nodad'] : [])];
  // Another doctor may have borrowed it at this moment; then it is there to be used.
  const isOurs = await run(['ip', ...add]).then(
    () => true,
    () => false,
  );
  const hasAnswered = await echo(run, to, from);
  if (isOurs) await run(['ip', 'address', 'delete', ...address]).catch(() => {}); // or by itself
  return hasAnswered;
}

/** False where the link is no TUN. */
export async function isTunWithoutOffload(link: string): Promise<boolean> {
  const flags = await readFile(`/sys/class/net/${link}/tun_flags`, 'utf8').catch(() => undefined);
  return flags !== undefined && (Number(flags) & IFF_VNET_HDR) === 0;
}
