/**
 * The control plane is away, or somebody answers in its place: forwarding goes on, the agent
 * stays small and quiet, and says since when it is alone and why.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { operatorOf, statusOf } from '../lab/culvert.ts';
import type { Machine, Started } from '../lab/machine.ts';
import { eventually } from '../lab/wait.ts';
import { CONTROL_PLANE_ADDRESS } from '../lab/world.ts';
import type { Mode } from './impostor.ts';
import { HQ_TO_BRANCH, Joined, lastingKernelOf, UNTOUCHED } from './joined.ts';
import { prove } from './prove.ts';

const IMPOSTOR = join(import.meta.dirname, 'impostor.ts');
const SECONDS = 4;
const MEMORY_MEGABYTES = 150;

let joined: Joined;
let gateway: Machine;
let operator: Machine;
let whole: string;

beforeAll(async () => {
  joined = await Joined.create('control-plane-away');
  gateway = joined.machine('hq-gateway');
  operator = operatorOf(joined.world);
  whole = await lastingKernelOf(gateway);
  await joined.killControlPlane();
  for (const connector of ['branch-gateway', 'plant-connector']) await joined.killAgent(connector);
  await operator.run(['bash', '-ec', MAKE_CERTIFICATES]);
});

afterAll(async () => {
  await joined?.lab.destroy();
});

prove('F10', () => standsAlone('ECONNREFUSED'));
prove('F11', () => standsAgainst('hang before TLS', /no answer within 10 s/));
prove('F12', () => standsAgainst('garbage before TLS', /SSL|EPROTO|wrong version/));
prove('F13', () => standsAgainst('hang', /no answer within 10 s/));
prove('F14', () => standsAgainst('hang up', /hang up|ECONNRESET/));
prove('F15', () => standsAgainst('garbage', /Parse Error/));
prove('F16', () => standsAgainst('answer 500', /500/));
prove('F17', () => standsAgainst('redirect', /302/));
prove('F18', () => standsAgainst('half a message', /1006/));
prove('F19', () => standsAgainst('garbage messages', /1006/));
prove('F20', () => standsAgainst('a gigabyte as an answer', /500/));
prove('F21', () => standsAgainst('a gigabyte as a header', /[Hh]eader/));
prove('F22', () => standsAgainst('a gigabyte as a message', /Max payload/));
prove('F23', () => standsAgainst('hang', /self-signed|unable to verify/, 'other'));
prove('F24', () => standsAgainst('hang', /altnames/, 'misnamed'));
prove('F25', () => standsAgainst('hang', /expired/, 'expired'));

/** By the real authority, but for "other", which is by nobody. */
const MAKE_CERTIFICATES = `
  cd /root
  authority=/var/lib/culvert/control-plane/authority
  request() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \\
    -keyout "$1.key" "\${@:2}" 2> /dev/null; }
  certify() { request "$1" | openssl x509 -req -CA $authority.crt -CAkey $authority.key \\
    -CAcreateserial -extfile <(echo "subjectAltName = $2") "\${@:3}" -out "$1.crt" 2> /dev/null; }
  request other -x509 -addext 'subjectAltName = IP:${CONTROL_PLANE_ADDRESS}' -out other.crt
  certify real IP:${CONTROL_PLANE_ADDRESS} -days 2
  certify misnamed IP:192.0.2.99 -days 2
  certify expired IP:${CONTROL_PLANE_ADDRESS} -days -1`;

async function standsAgainst(mode: Mode, reason: RegExp, certificate = 'real'): Promise<void> {
  const files = [`/root/${certificate}.crt`, `/root/${certificate}.key`];
  const log = `impostor-${mode}-${certificate}`.replaceAll(' ', '-');
  const impostor: Started = operator.start([process.execPath, IMPOSTOR, mode, ...files], { log });
  try {
    await eventually(() => operator.logOf(log).includes('listens') || undefined, {
      ms: 10_000,
      what: 'the impostor to listen',
    });
    await standsAlone(reason);
  } finally {
    await impostor.stop({ graceMs: 1000 });
  }
}

/** Starts the agent, so that it tries at once and then several times more. */
async function standsAlone(reason: RegExp | string): Promise<void> {
  await joined.killAgent('hq-gateway');
  await joined.reached(HQ_TO_BRANCH, { ms: 10_000 });
  const begin = gateway.logOf('agent').length;
  joined.startAgent('hq-gateway');
  await joined.applied('hq-gateway');
  let megabytes = 0;

  const traffic = await joined.trafficWhile(HQ_TO_BRANCH, SECONDS, async () => {
    const end = performance.now() + SECONDS * 800;
    while (performance.now() < end) megabytes = Math.max(megabytes, await memoryOf(gateway));
  });

  expect(traffic).toMatchObject(UNTOUCHED);
  expect(await lastingKernelOf(gateway)).toBe(whole);
  expect(megabytes).toBeGreaterThan(20);
  expect(megabytes).toBeLessThan(MEMORY_MEGABYTES);
  // A handshake that hangs is given up after 10 s.
  const { controlPlane } = await eventually(
    async () => {
      const status = await statusOf(gateway);
      return status.controlPlane.reason === null ? undefined : status;
    },
    { ms: 15_000, what: 'the status to say why it is alone' },
  );
  expect(controlPlane.reason).toMatch(reason);
  expect(controlPlane.isConnected).toBe(false);
  expect(controlPlane.sinceSeconds).toBeGreaterThanOrEqual(SECONDS - 1);
  const lines = gateway.logOf('agent').slice(begin).trim().split('\n');
  expect(lines.filter((line) => !line.includes('agent started'))).toHaveLength(1);
}

/** Resident memory of the agent, which is the one program here that is run by Node. */
async function memoryOf(machine: Machine): Promise<number> {
  const look = `
    for folder in /proc/[0-9]*; do
      if tr '\\0' ' ' < $folder/cmdline | grep -q 'main.ts agent run'; then
        grep VmRSS $folder/status
      fi
    done 2> /dev/null`;
  return Number(/VmRSS:\s+(\d+)/.exec(await machine.run(['sh', '-c', look]))?.[1]) / 1024;
}
