/**
 * What the doctor looks at and what it says, as types. Pure.
 *
 * @module
 */
import type { Configuration } from '../protocol/configuration.ts';
import type { Address, Prefix } from '../protocol/net.ts';
import type { LocalSettings } from './desire.ts';
import type { Ruleset } from './forward-filter.ts';
import type { Observed } from './state.ts';
import type { AgentStatus } from './status.ts';

/** What is examined. Stable: scripts may branch on it; docs/agent.md says what each means. */
export const CHECKS = [
  'precondition',
  'state-directory',
  'offload',
  'clock',
  'agent',
  'control-plane',
  'configuration',
  'held',
  'not-applied',
  'forwarding',
  'foreign-route',
  'rp-filter',
  'firewall',
  'peer',
  'mtu',
  'return-route',
] as const;

export type Check = (typeof CHECKS)[number];

export type Finding = {
  readonly id: Check;
  readonly state: 'ok' | 'warn' | 'fail';
  /** What is so, in one line. */
  readonly finding: string;
  /** What was seen that shows it. */
  readonly evidence: string;
  /** Commands to run as they stand; lines with "#" are for people. */
  readonly remedy?: readonly string[];
};

/** A default gateway of this host. */
export type Gateway = { readonly address: Address; readonly link: string };

/** An echo request to a default gateway of the LAN, from an address of a remote prefix. */
export type ReturnProbe = {
  readonly gateway: Gateway;
  /** This host's address on the gateway's link. */
  readonly via: Address;
  /** Whether the gateway answers this host's own address at all. */
  readonly answersUs: boolean;
  readonly prefixes: readonly { readonly prefix: Prefix; readonly cameBack: boolean }[];
};

export type Facts = {
  /** Of the running agent; undefined when none answers. */
  readonly status: AgentStatus | undefined;
  readonly configuration: Configuration;
  readonly local: LocalSettings;
  /** After silent peers were given something to answer. */
  readonly observed: Observed;
  readonly ruleset: Ruleset;
  readonly gateways: readonly Gateway[];
  readonly returnProbes: readonly ReturnProbe[];
  /** Of the connector's certificate, Unix milliseconds. */
  readonly certificate: { readonly from: number; readonly until: number };
  readonly nowMilliseconds: number;
  /** Links on which userspace WireGuard works without segmentation offload. */
  readonly linksWithoutOffload: readonly string[];
  readonly stateDirectory: {
    readonly path: string;
    readonly mode: number;
    readonly freeBytes: number;
  };
};

/** A finding that all is well. */
export function ok(id: Check, finding: string, evidence = ''): Finding {
  return { id, state: 'ok', finding, evidence };
}
