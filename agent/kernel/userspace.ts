/**
 * Userspace WireGuard: starts wireguard-go on a persistent TUN, and ends its service. The
 * process is never the agent's child in any way that matters: it outlives the agent, however
 * that ends, and holds nothing of it.
 *
 * @module
 * @see wireguard-go: https://git.zx2c4.com/wireguard-go/about/
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import {
  CommandError,
  type Detached,
  MissingProgramError,
  type Run,
  type StartDetached,
} from './run.ts';
import { listDevices } from './wireguard.ts';

/** Where wg(8) looks for userspace devices; a constant of both programs. */
const SOCKET_DIRECTORY = '/var/run/wireguard';

/** sd_booted(3): systemd is process 1 when this directory exists. */
const SYSTEMD_DIRECTORY = '/run/systemd/system';

const START_MILLISECONDS = 5_000;
const END_MILLISECONDS = 2_000;
const POLL_MILLISECONDS = 50;

/**
 * Starts the userspace WireGuard of a link and waits until it answers: as a service where
 * there is one, else as a process of its own. Nothing to do when it answers already.
 *
 * Link names must be unique on the machine, across network namespaces, because the control
 * sockets of all are in one directory.
 *
 * @throws {MissingProgramError} when wireguard-go is not installed
 * @throws {Error} when it does not answer in time
 */
export async function startDevice(
  { run, startDetached }: { readonly run: Run; readonly startDetached: StartDetached },
  link: string,
): Promise<void> {
  if ((await listDevices(run)).has(link)) return;
  await rm(`${SOCKET_DIRECTORY}/${link}.sock`, { force: true }); // of a process that is gone
  const isService = await hasService(run, link);
  if (isService) await run(['systemctl', 'restart', unitOf(link)]);
  const start = () => startDetached(['wireguard-go', '-f', link], { LOG_LEVEL: 'error' });
  let device: Detached | undefined = isService ? undefined : await start();
  const deadline = performance.now() + START_MILLISECONDS;
  while (!(await listDevices(run)).has(link)) {
    if (performance.now() > deadline) {
      const where = isService ? `journalctl -u ${unitOf(link)}` : `wireguard-go -f ${link}`;
      throw new Error(
        `wireguard-go does not answer within ${START_MILLISECONDS} ms; "${where}" says why`,
      );
    }
    await setTimeout(POLL_MILLISECONDS);
    // The TUN is busy for a moment after its last process was killed.
    if (device?.hasEnded()) device = await start();
  }
}

/** To be called before the link is deleted; without a service nothing has to be done. */
export async function stopService(run: Run, link: string): Promise<void> {
  if (await hasService(run, link)) await run(['systemctl', 'stop', unitOf(link)]);
}

/**
 * Waits until the process of a deleted link has ended by itself, which it does at once. Its
 * last act is to remove its control socket; a successor's must not be there yet.
 */
export async function awaitEnd(run: Run, link: string): Promise<void> {
  const deadline = performance.now() + END_MILLISECONDS;
  while (performance.now() < deadline && (await listDevices(run)).has(link)) {
    await setTimeout(POLL_MILLISECONDS);
  }
}

/** False where systemd does not run, and where the agent was not installed as a service. */
async function hasService(run: Run, link: string): Promise<boolean> {
  if (!existsSync(SYSTEMD_DIRECTORY)) return false;
  return await run(['systemctl', 'cat', unitOf(link)]).then(
    () => true,
    (error: unknown) => {
      if (error instanceof CommandError && error.exitCode !== undefined) return false;
      // A container that borrows its host's /run has no service of ours either.
      if (error instanceof MissingProgramError) return false;
      throw error;
    },
  );
}

/** The service of `systemd/culvert-wireguard@.service` for one link. */
function unitOf(link: string): string {
  return `culvert-wireguard@${link}.service`;
}
