/**
 * A numbered stream of packets between two hosts while something happens: the measure of
 * every outage, because each packet is accounted for.
 *
 * @module
 */
import type { StreamReport } from './host-program.ts';
import type { Family, Path } from './proof.ts';
import type { World } from './world.ts';

export type StreamResult = StreamReport & { readonly sent: number; readonly lost: number };

let lastStream = 0;

/**
 * Sends UDP packets for `seconds` and lets `disturb` run meanwhile, from a tenth of that on.
 *
 * @returns what arrived, when both the stream and the disturbance have ended
 */
export async function streamWhile(
  world: World,
  {
    path,
    family = 'ipv4',
    packetsPerSecond = 200,
    seconds,
  }: {
    readonly path: Path;
    readonly family?: Family;
    readonly packetsPerSecond?: number;
    readonly seconds: number;
  },
  disturb: () => Promise<void>,
): Promise<StreamResult> {
  const [near, far] = [world.hosts.get(path.from.name), world.hosts.get(path.to.name)];
  if (near === undefined || far === undefined) throw new RangeError('No such hosts in the world');
  lastStream += 1;
  const stream = `stream-${lastStream}`;
  const to = path.to[family];
  const disturbance = new Promise((resolve) => setTimeout(resolve, seconds * 100)).then(disturb);
  const [sent] = await Promise.all([
    near.ask({ kind: 'send-stream', stream, to, packetsPerSecond, seconds }),
    disturbance,
  ]);
  const report = await far.ask({ kind: 'report-stream', stream });
  return { ...report, sent, lost: sent - report.received };
}
