/**
 * The commands `culvert agent …`: read options, do the thing, print for people or programs,
 * answer an exit status. What they do is decided elsewhere.
 *
 * @module
 */
import { hostname } from 'node:os';
import { type Endpoint, parseEndpoint } from '../protocol/endpoint.ts';
import { parseJoinToken } from '../protocol/join-token.ts';
import { LEAVE_PATH } from '../protocol/message.ts';
import { type Name, parseName } from '../protocol/name.ts';
import { type Address, canonicalAddress, type Prefix, parsePrefix } from '../protocol/net.ts';
import type { Parsed } from '../protocol/parsed.ts';
import { ProblemError } from '../protocol/problem.ts';
import { DEFAULT_LISTEN_PORT } from '../protocol/rest.ts';
import { ControlPlaneError, post } from './control-plane-client.ts';
import { desire, SYSCTL_INTEREST } from './desire.ts';
import { explain } from './explain.ts';
import { hostKernel } from './host-kernel.ts';
import { HostLockedError, lockHost } from './host-lock.ts';
import {
  type Identity,
  IdentityError,
  loadIdentity,
  type Member,
  removeState,
  wireguardPublicKey,
} from './identity.ts';
import { join } from './join.ts';
import { checkPreconditions } from './kernel/preconditions.ts';
import { restoreHost } from './leave.ts';
import { createLogger } from './log.ts';
import { plan } from './plan.ts';
import { runAgent } from './run.ts';
import { StateFile } from './state-file.ts';
import { peerNames } from './status.ts';
import { askAccept, askStatus } from './status-socket.ts';
import { formatStatus } from './status-text.ts';
import { SysctlJournal } from './sysctl-journal.ts';

/** Exit statuses, as `culvert --help` documents them. */
const DONE = 0;
const FAILED = 1;
const USAGE = 2;
const REFUSED = 3;
const UNREACHABLE = 4;
const PRECONDITION = 5;

export type Directories = { readonly stateDirectory: string; readonly runDirectory: string };
export type PrintOptions = Directories & { readonly json: boolean };

export type JoinCommandOptions = Directories & {
  readonly token: string;
  readonly name?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly listenPort?: number | undefined;
  readonly interface?: string | undefined;
  readonly propose: readonly string[];
};

/** A bad option: whose fault it is, and what would be accepted. */
class UsageError extends Error {}

export function joinCommand(options: JoinCommandOptions): Promise<number> {
  return answer(async () => {
    const wish = {
      token: expectOption('token', parseJoinToken(options.token)),
      stateDirectory: options.stateDirectory,
      name: expectOption('--name', parseName(options.name ?? nameFromHost(hostname()))),
      listenPort: options.listenPort ?? DEFAULT_LISTEN_PORT,
      interfaceBase: options.interface ?? 'culvert',
      endpoint: expectEndpoint('--endpoint', options.endpoint),
      proposedPrefixes: options.propose.map((text) => expectPrefix(text)),
    };
    if (!(await isFit())) return PRECONDITION;
    const unlock = await lockHost();
    const { membership } = await join(wish).finally(unlock);
    const { connector, site, network } = membership;
    print(`Joined network "${network}" as connector "${connector}" of site "${site}".`);
    print('Start the agent: culvert agent run (or: systemctl enable --now culvert-agent).');
    return DONE;
  });
}

export type RunCommandOptions = Directories & { readonly metrics?: string | undefined };

export function runCommand(options: RunCommandOptions): Promise<number> {
  return answer(async () => {
    const { stateDirectory, runDirectory } = options;
    const metrics = expectEndpoint('--metrics', options.metrics);
    const member = expectMember(loadIdentity(stateDirectory));
    if (!(await isFit())) return PRECONDITION;
    const logger = createLogger('stdout');
    return await runAgent({ member, stateDirectory, runDirectory, metrics, logger });
  });
}

export function statusCommand({ json, runDirectory }: PrintOptions): Promise<number> {
  return answer(async () => {
    const status = await askStatus(runDirectory);
    if (status === undefined) {
      complain('The agent is not running; forwarding goes on as it was configured last.');
      return FAILED;
    }
    print(json ? JSON.stringify(status, null, 2) : formatStatus(status));
    return DONE;
  });
}

export type AcceptCommandOptions = Directories & { readonly revision: number };

/** Says yes to a configuration that the agent holds back. */
export function acceptCommand({ revision, runDirectory }: AcceptCommandOptions): Promise<number> {
  return answer(async () => {
    const answered = await askAccept(runDirectory, revision);
    if (answered === undefined) {
      complain('The agent is not running; it is told again when it runs.');
      return FAILED;
    }
    if (answered.refused !== null) {
      complain(`Cannot accept revision ${revision}: ${answered.refused}`);
      return FAILED;
    }
    print(`Accepted revision ${revision}.`);
    return DONE;
  });
}

/** A dry run: what the agent would do if it looked now. */
export function planCommand({ json, stateDirectory }: PrintOptions): Promise<number> {
  return answer(async () => {
    const member = expectMember(loadIdentity(stateDirectory));
    const { connectorId, urls } = member.membership;
    const stateFile = new StateFile({ directory: stateDirectory, connectorId });
    const { configuration, problems } = stateFile.load();
    for (const problem of problems) complain(problem);
    if (configuration === undefined) {
      complain('No configuration yet: the agent has to run and reach its control plane once.');
      return FAILED;
    }
    const kernel = hostKernel(member);
    const observed = await kernel
      .observe({ sysctls: SYSCTL_INTEREST })
      .finally(() => kernel.close());
    const local = {
      interfaceBase: member.interfaceBase,
      publicKey: wireguardPublicKey(member),
      controlPlaneAddresses: addressesIn(urls),
    };
    const wish = desire({ configuration, local, observed });
    const { operations, held } = plan(wish.desired, observed);
    const nameOf = peerNames(configuration);
    const lines = operations.map((operation) => explain(operation, nameOf));
    const allHeld = [...wish.held, ...held];
    if (json) {
      print(JSON.stringify({ operations: lines, held: allHeld }, null, 2));
      return DONE;
    }
    for (const line of lines) print(line);
    for (const { operation, reason } of allHeld) print(`held: ${operation}: ${reason}`);
    if (lines.length === 0) print('Nothing to do: the kernel agrees with the configuration.');
    return DONE;
  });
}

/** Ends being a connector: the host is as before, the control plane is told, state is gone. */
export function leaveCommand({ stateDirectory }: Directories): Promise<number> {
  return answer(async () => {
    const unlock = await lockHost().catch((error: unknown) => {
      if (!(error instanceof HostLockedError)) throw error;
      throw new HostLockedError(
        'Cannot leave: the agent is running; stop it first (systemctl stop culvert-agent)',
      );
    });
    const identity = loadIdentity(stateDirectory);
    const kernel = hostKernel(identity);
    const journal = new SysctlJournal(stateDirectory);
    const problems = await restoreHost(kernel, journal).finally(() => kernel.close());
    for (const problem of problems) complain(`Cannot put back: ${problem}`);
    if (problems.length > 0) return FAILED; // the journal stays, so that it can be tried again
    await tellControlPlane(identity);
    removeState(stateDirectory);
    unlock();
    print('Left: interfaces, routes, firewall table and kernel settings are as before.');
    return DONE;
  });
}

async function tellControlPlane(identity: Identity | undefined): Promise<void> {
  if (identity?.membership === undefined) return;
  const { urls, authority, certificate, connector, network } = identity.membership;
  const key = identity.identityPrivateKey.reveal();
  for (const url of urls) {
    try {
      await post(`${url}${LEAVE_PATH}`, {}, { authority, certificate, key });
      return;
    } catch (error) {
      if (!(error instanceof ControlPlaneError || error instanceof ProblemError)) throw error;
      complain(error.message);
    }
  }
  complain(
    'The control plane could not be told; there, run: ' +
      `culvert connector delete ${connector} --network ${network}`,
  );
}

async function isFit(): Promise<boolean> {
  const lacking = await checkPreconditions();
  for (const line of lacking) complain(line);
  return lacking.length === 0;
}

export function expectMember(identity: Identity | undefined): Member {
  if (identity?.membership === undefined) {
    throw new IdentityError(
      'Cannot start: this host has not joined; run "culvert agent join" with a join token ' +
        'from "culvert token create"',
    );
  }
  return { ...identity, membership: identity.membership };
}

function expectOption<T>(option: string, parsed: Parsed<T>): T {
  if (!parsed.ok) throw new UsageError(`${option}: ${parsed.message}`);
  return parsed.value;
}

function expectEndpoint(option: string, text: string | undefined): Endpoint | undefined {
  return text === undefined ? undefined : expectOption(option, parseEndpoint(text));
}

function expectPrefix(text: string): Prefix {
  return expectOption('--propose', parsePrefix(text));
}

/** A host name as a connector's name: its first label, with everything odd made a hyphen. */
export function nameFromHost(host: string): Name | string {
  const label = host.toLowerCase().split('.')[0] ?? '';
  const clean = label.replaceAll(/[^a-z0-9-]+/g, '-').slice(0, 63);
  return clean.replaceAll(/^-+|-+$/g, '');
}

export function addressesIn(urls: readonly string[]): Address[] {
  return urls.flatMap(
    (url) => canonicalAddress(new URL(url).hostname.replace(/^\[|\]$/g, '')) ?? [],
  );
}

/** Turns the failures that a user can meet into a line and an exit status; bugs pass. */
export async function answer(command: () => Promise<number>): Promise<number> {
  try {
    return await command();
  } catch (error) {
    if (error instanceof ProblemError) {
      complain(`Refused: ${error.message} (${error.problem.code})`);
      return REFUSED;
    }
    if (error instanceof Error && STATUS_OF.has(error.constructor)) {
      complain(error.message);
      return STATUS_OF.get(error.constructor) ?? FAILED;
    }
    if (error instanceof Error && 'code' in error && error.code === 'EACCES') {
      complain(`${error.message}; run it as root`);
      return PRECONDITION;
    }
    throw error;
  }
}

const STATUS_OF = new Map<unknown, number>([
  [UsageError, USAGE],
  [ControlPlaneError, UNREACHABLE],
  [HostLockedError, PRECONDITION],
  [IdentityError, PRECONDITION],
]);

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}
