/**
 * Says before the start what this host lacks, each with its remedy, so that the first error
 * is not a stranger's.
 *
 * @module
 */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { hasKernelWireGuard } from './link.ts';
import { Netlink, type NetlinkError } from './netlink.ts';
import { locate, MissingProgramError, type Program } from './run.ts';
import { UnreadableError } from './unreadable-error.ts';

/** `linux:include/uapi/linux/capability.h` */
const CAP_NET_ADMIN = 12n;

const TUN_DEVICE = '/dev/net/tun';

/** What is missing, one sentence each; empty when the agent can run. */
export async function checkPreconditions(): Promise<string[]> {
  const programs = missingPrograms('ip', 'nft', 'wg');
  if (!hasNetAdmin(readFileSync('/proc/self/status', 'utf8'))) {
    return [
      ...programs,
      'The agent may not change the network; run it as root or with CAP_NET_ADMIN',
    ];
  }
  return [...programs, ...(await missingForUserspace())];
}

/** True when the process may administer the network. Reads proc_pid_status(5). */
export function hasNetAdmin(status: string): boolean {
  const [, mask] = /^CapEff:\s*([0-9a-f]{1,16})$/m.exec(status) ?? [];
  if (mask === undefined) throw new UnreadableError('/proc/self/status', 'no line "CapEff"');
  return ((BigInt(`0x${mask}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}

/** Empty where the kernel has its own WireGuard. */
async function missingForUserspace(): Promise<string[]> {
  const netlink = new Netlink();
  try {
    if (await hasKernelWireGuard(netlink)) return [];
  } catch (error) {
    return [`Cannot find out whether the kernel has WireGuard: ${(error as NetlinkError).message}`];
  } finally {
    netlink.close();
  }
  const missing = missingPrograms('wireguard-go');
  try {
    closeSync(openSync(TUN_DEVICE, 'r+'));
  } catch (error) {
    missing.push(
      `The kernel has no WireGuard, and ${TUN_DEVICE} cannot be opened ` +
        `(${(error as NodeJS.ErrnoException).code}); load the module: modprobe tun`,
    );
  }
  return missing;
}

function missingPrograms(...programs: readonly Program[]): string[] {
  return programs.flatMap((program) => {
    try {
      locate(program);
      return [];
    } catch (error) {
      if (error instanceof MissingProgramError) return [error.message];
      throw error;
    }
  });
}
