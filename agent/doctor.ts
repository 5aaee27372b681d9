/**
 * What is wrong with this host as a router of Culvert, what shows it, and what to do. Pure:
 * facts are gathered in `doctor-facts.ts`, the way of a packet is looked at in
 * `doctor-path.ts`.
 *
 * @module
 */
import { desire, type Wish } from './desire.ts';
import {
  checkFirewall,
  checkForeignRoutes,
  checkForwarding,
  checkMtu,
  checkPeers,
  checkReturnRoute,
  checkReversePath,
} from './doctor-path.ts';
import { explain } from './explain.ts';
import { type Facts, type Finding, ok } from './finding.ts';
import { plan } from './plan.ts';
import { type AgentStatus, peerNames } from './status.ts';

/** Three generations of the largest configuration, with room to write a fourth. */
const MIN_FREE_BYTES = 64 * 1024 * 1024;

/** On a host that lacks nothing. In the order in which a person would look. */
export function diagnose(facts: Facts): Finding[] {
  const wish = desire(facts);
  return [
    ok('precondition', 'programs and rights are there'),
    ...checkHost(facts),
    ...checkClock(facts),
    ...checkAgent(facts),
    ...checkConfiguration(facts, wish),
    ...checkForwarding(facts, wish),
    ...checkForeignRoutes(facts, wish),
    ...checkReversePath(facts, wish),
    ...checkFirewall(facts, wish),
    ...checkPeers(facts),
    ...checkMtu(facts, wish),
    ...checkReturnRoute(facts),
  ];
}

/** What is missing to examine anything else, as findings. */
export function diagnoseLacking(lacking: readonly string[]): Finding[] {
  return lacking.map((line) => ({
    id: 'precondition',
    state: 'fail',
    finding: line,
    evidence: '',
  }));
}

function checkHost({ stateDirectory, linksWithoutOffload }: Facts): Finding[] {
  const { path, mode, freeBytes } = stateDirectory;
  const evidence = `mode ${mode.toString(8)}, ${Math.floor(freeBytes / 1024 ** 2)} MiB free`;
  const isOpen = (mode & 0o077) !== 0;
  const directory = (state: Finding['state'], finding: string, remedy: string[] = []): Finding => ({
    id: 'state-directory',
    state,
    finding,
    evidence,
    ...(remedy.length === 0 ? {} : { remedy }),
  });
  return [
    isOpen
      ? directory('fail', `${path} is open to others`, [`chmod 700 ${path}`])
      : freeBytes < MIN_FREE_BYTES
        ? directory('fail', `${path} is nearly full`, ['# make room: df -h shows where'])
        : directory('ok', `${path} is private and has room`),
    ...linksWithoutOffload.map(
      (link): Finding => ({
        id: 'offload',
        state: 'warn',
        finding: `userspace WireGuard of ${link} forwards at a sixth of the speed`,
        evidence: 'its TUN has no IFF_VNET_HDR: wireguard-go is older than 0.0.20230223',
        remedy: ['apt-get install wireguard-go # from backports; or a kernel with WireGuard'],
      }),
    ),
  ];
}

/** A clock that is far off shows itself by the certificate, and keeps the agent from connecting. */
function checkClock({ certificate: { from, until }, nowMilliseconds }: Facts): Finding[] {
  const text = (milliseconds: number) => new Date(milliseconds).toISOString();
  const evidence = `now ${text(nowMilliseconds)}, certificate ${text(from)} to ${text(until)}`;
  if (nowMilliseconds < from) {
    const remedy = ['timedatectl set-ntp true'];
    return [{ id: 'clock', state: 'fail', finding: 'the clock is behind', evidence, remedy }];
  }
  if (nowMilliseconds > until) {
    const finding = 'the clock is ahead, or the certificate has run out';
    const remedy = ['timedatectl set-ntp true', '# and if the clock is right: join again'];
    return [{ id: 'clock', state: 'fail', finding, evidence, remedy }];
  }
  return [ok('clock', 'the clock is inside the life of the certificate', evidence)];
}

function checkAgent({ status }: Facts): Finding[] {
  if (status === undefined) {
    return [
      {
        id: 'agent',
        state: 'fail',
        finding: 'the agent does not run, or hangs: nothing is repaired, no change arrives',
        evidence: 'nobody answers at its socket',
        remedy: ['systemctl restart culvert-agent'],
      },
    ];
  }
  const { isConnected, sinceSeconds, reason, urls } = status.controlPlane;
  return [
    ok('agent', `the agent runs, version ${status.version}`),
    isConnected
      ? ok('control-plane', 'the control plane is connected', `for ${sinceSeconds} s`)
      : {
          id: 'control-plane',
          state: 'warn',
          finding: 'the control plane is away; forwarding goes on as configured last',
          evidence: `for ${sinceSeconds} s: ${reason ?? 'no reason known'}; ${urls.join(', ')}`,
        },
  ];
}

function checkConfiguration({ configuration, observed, status }: Facts, wish: Wish): Finding[] {
  const { operations, held } = plan(wish.desired, observed);
  const nameOf = peerNames(configuration);
  // Settings have a check of their own, which says what they are for.
  const left = operations.filter(({ kind }) => kind !== 'set-sysctl');
  const findings = [
    ...[...wish.held, ...held].map(
      ({ operation, reason }): Finding => ({
        id: 'held',
        state: 'fail',
        finding: `held by the local guard: ${operation}`,
        evidence: reason,
        remedy: ['# change or delete this route in the control plane: culvert route list'],
      }),
    ),
    ...left.map(
      (operation): Finding => ({
        id: 'not-applied',
        state: 'fail',
        finding: `not applied: ${explain(operation, nameOf)}`,
        evidence: reasonIn(status, explain(operation, nameOf)),
      }),
    ),
  ];
  if (findings.length > 0) return findings;
  return [ok('configuration', `revision ${configuration.revision} is applied`)];
}

function reasonIn(status: AgentStatus | undefined, operation: string): string {
  const pending = status?.pending.find((one) => one.operation === operation);
  return pending?.reason ?? 'the kernel does not hold it at this moment';
}

/** One line a finding, worst first to the eye; the remedy below it, indented. */
export function formatFindings(findings: readonly Finding[]): string {
  return findings
    .flatMap(({ id, state, finding, evidence, remedy = [] }) => [
      `${state.padEnd(4)}  ${id}: ${finding}${evidence === '' ? '' : ` (${evidence})`}`,
      ...remedy.map((line) => `        ${line}`),
    ])
    .join('\n');
}
