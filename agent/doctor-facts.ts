/**
 * Gathers what the doctor looks at, from the kernel, the disk and the running agent. Changes
 * nothing that lasts: to try the way back through the LAN, this host has an address of a remote
 * prefix for a moment.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto';
import { statfsSync, statSync } from 'node:fs';
import type { Configuration } from '../protocol/configuration.ts';
import { type Address, contains, familyOf, networkAddress } from '../protocol/net.ts';
import { SYSCTL_INTEREST } from './desire.ts';
import type { Facts, Gateway, ReturnProbe } from './finding.ts';
import { parseRuleset } from './forward-filter.ts';
import { hostKernel } from './host-kernel.ts';
import { type Member, wireguardPublicKey } from './identity.ts';
import {
  defaultGateways,
  echo,
  echoFrom,
  isTunWithoutOffload,
  listRuleset,
} from './kernel/probe.ts';
import { run } from './kernel/run.ts';
import { isOurs } from './plan.ts';
import { REJECT_AFTER_SECONDS } from './plan-peers.ts';
import type { Observed } from './state.ts';
import { askStatus } from './status-socket.ts';

const INTEREST = { sysctls: [...SYSCTL_INTEREST, 'net/ipv4/conf/*/rp_filter'] };

/** Of one kind; a network of thousands is not probed in whole. */
const MAX_PROBES = 32;

export async function gatherFacts({
  member,
  configuration,
  controlPlaneAddresses,
  stateDirectory,
  runDirectory,
}: {
  readonly member: Member;
  readonly configuration: Configuration;
  readonly controlPlaneAddresses: readonly Address[];
  readonly stateDirectory: string;
  readonly runDirectory: string;
}): Promise<Facts> {
  const kernel = hostKernel(member);
  try {
    const gateways = await defaultGateways(run);
    const early = await kernel.observe(INTEREST);
    const [returnProbes] = await Promise.all([
      probeReturn(configuration, early, gateways),
      wakeSilentPeers(configuration, early),
    ]);
    const observed = await kernel.observe(INTEREST);
    const ours = observed.links.filter(isOurs).map(({ name }) => name);
    const slow = await Promise.all(ours.map(isTunWithoutOffload));
    const certificate = new X509Certificate(member.membership.certificate);
    const { bavail, bsize } = statfsSync(stateDirectory);
    return {
      status: await askStatus(runDirectory).catch(() => undefined), // it hangs
      configuration,
      local: {
        interfaceBase: member.interfaceBase,
        publicKey: wireguardPublicKey(member),
        controlPlaneAddresses,
      },
      observed,
      ruleset: parseRuleset(await listRuleset(run)),
      gateways,
      returnProbes,
      certificate: {
        from: Date.parse(certificate.validFrom),
        until: Date.parse(certificate.validTo),
      },
      nowMilliseconds: Date.now(),
      linksWithoutOffload: ours.filter((_, index) => slow[index]),
      stateDirectory: {
        path: stateDirectory,
        mode: statSync(stateDirectory).mode & 0o777,
        freeBytes: bavail * bsize,
      },
    };
  } finally {
    kernel.close();
  }
}

/** A peer without traffic has no session and no fault; what is sent to it makes it begin one. */
async function wakeSilentPeers(configuration: Configuration, observed: Observed): Promise<void> {
  const isLiving = new Set(
    observed.devices
      .flatMap(({ peers }) => peers)
      .filter(({ handshakeAgeSeconds: age }) => (age ?? Infinity) < REJECT_AFTER_SECONDS)
      .map(({ publicKey }) => publicKey),
  );
  const silent = [...configuration.entries.values()]
    .filter((entry) => entry.kind === 'peer')
    .filter(({ publicKey }) => !isLiving.has(publicKey))
    .flatMap(({ overlayAddresses }) => overlayAddresses.slice(0, 1));
  // Whether it answers is seen by the handshake; that it cannot be sent is, too.
  await Promise.allSettled(silent.slice(0, MAX_PROBES).map((address) => echo(run, address)));
}

/** For each default gateway that is itself a host of the own site. */
async function probeReturn(
  configuration: Configuration,
  observed: Observed,
  gateways: readonly Gateway[],
): Promise<ReturnProbe[]> {
  const entries = [...configuration.entries.values()];
  const locals = entries.filter((entry) => entry.kind === 'local');
  const remotes = entries.filter((entry) => entry.kind === 'route' && entry.via !== undefined);
  const probes = gateways.map(async (gateway): Promise<ReturnProbe[]> => {
    const via = observed.addresses.find(
      ({ link, address }) =>
        link === gateway.link &&
        familyOf(address) === familyOf(gateway.address) &&
        locals.some(({ prefix }) => contains(prefix, address)),
    )?.address;
    const isOfSite = locals.some(({ prefix }) => contains(prefix, gateway.address));
    if (via === undefined || !isOfSite) return [];
    const prefixes = remotes
      .flatMap((entry) => (entry.kind === 'route' ? [entry.prefix] : []))
      .filter((prefix) => familyOf(prefix) === familyOf(via))
      .slice(0, MAX_PROBES);
    const cameBack = await Promise.all(
      prefixes.map((prefix) => echoFrom(run, gateway.address, networkAddress(prefix))),
    );
    const answersUs = await echo(run, gateway.address, via);
    return [
      {
        gateway,
        via,
        answersUs,
        prefixes: prefixes.map((prefix, index) => ({ prefix, cameBack: cameBack[index] === true })),
      },
    ];
  });
  return (await Promise.all(probes)).flat();
}
