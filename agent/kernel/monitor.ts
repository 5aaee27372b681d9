/**
 * Says when somebody, we ourselves included, changes links, addresses, routes, forwarding
 * or nftables. What changed is not read: a line means "look again", and so does the end of a
 * monitor, for it may have missed something.
 *
 * The notifications are read by children, because a full receive queue would end the process
 * that reads them with the package `netlink`; a child is started again.
 *
 * @module
 * @see ip-monitor(8); nft(8), "MONITOR"
 */
import { type Argv, type StartLines, startLines } from './run.ts';

const MONITORS: readonly Argv[] = [
  ['ip', '-o', 'monitor', 'link', 'address', 'route', 'netconf'],
  ['nft', 'monitor'],
];

export const RESTART_MILLISECONDS = 1_000;

export type Monitor = {
  stop(): void;
};

/**
 * @param options.wake called for every change, often many times for one
 * @param options.onExit called when a monitor ends by itself, with the reason
 */
export function startMonitor(options: {
  readonly wake: () => void;
  readonly onExit: (program: string, reason: string) => void;
  readonly startLines?: StartLines;
}): Monitor {
  const start = options.startLines ?? startLines;
  const stops = MONITORS.map((argv) => keepRunning(argv, { ...options, startLines: start }));
  return {
    stop() {
      for (const stop of stops) stop();
    },
  };
}

function keepRunning(
  argv: Argv,
  { wake, onExit, startLines }: Required<Parameters<typeof startMonitor>[0]>,
): () => void {
  let stop = () => {};
  const start = () => {
    stop = startLines(argv, wake, (reason) => {
      onExit(argv[0], reason);
      wake();
      const timer = setTimeout(start, RESTART_MILLISECONDS);
      stop = () => clearTimeout(timer);
    });
  };
  start();
  return () => stop();
}
