/**
 * The words of the reconcile loop as types: what the kernel should hold (`Desired`), what it
 * holds (`Observed`), and one step from one to the other (`Operation`). Also the port through
 * which the loop meets the kernel, real or fake. Types and marks only; no code that acts.
 *
 * @module
 */
import type { Endpoint } from '../protocol/endpoint.ts';
import type { PublicKey } from '../protocol/keys.ts';
import type { Address, Prefix } from '../protocol/net.ts';

/**
 * Our marks: everything that carries one is ours, nothing else is ever changed or removed.
 * 121 is unassigned in `linux:include/uapi/linux/rtnetlink.h` and in iproute2's rt_protos.
 */
export const ROUTE_PROTOCOL = 121;

/** Metric of our routes: an operator's own route to the same prefix, metric 0, wins and stays. */
export const ROUTE_METRIC = 121;

/** Metric of the backstop: behind every other route to the prefix. */
export const BACKSTOP_METRIC = 4_000_000_000;

/** Our interfaces carry an alias (ip-link(8)) that begins so; the network's id follows. */
export const ALIAS_PREFIX = 'culvert:';

/** Our nftables table, family inet. */
export const FIREWALL_TABLE = 'culvert';

/** A peer as the configuration wants it. */
export type DesiredPeer = {
  readonly publicKey: PublicKey;
  /** Complete set; on one device no prefix may belong to two peers. */
  readonly allowedIps: readonly Prefix[];
  /** Where to send first; undefined when the peer must speak first (it is behind NAT). */
  readonly endpoint?: Endpoint | undefined;
  /** Seconds, 1 to 65535; 0 is off. */
  readonly keepaliveSeconds: number;
};

/** A WireGuard interface with everything on it. */
export type DesiredInterface = {
  readonly name: string;
  readonly alias: string;
  readonly mtuBytes: number;
  /** Overlay addresses as host prefixes, /32 and /128. */
  readonly addresses: readonly Prefix[];
  readonly listenPort: number;
  /** The public half of the key the device must hold; the private half stays in the adapter. */
  readonly publicKey: PublicKey;
  readonly peers: readonly DesiredPeer[];
};

/** A route in the main table, under our protocol number. */
export type DesiredRoute =
  | {
      readonly kind: 'device';
      readonly prefix: Prefix;
      readonly link: string;
      readonly metric: number;
      /** Address that this host's own packets to the prefix carry (ICMP errors among them). */
      readonly source?: Address | undefined;
    }
  | { readonly kind: 'unreachable'; readonly prefix: Prefix; readonly metric: number };

/** One rule of our table. */
export type FirewallRule = {
  readonly chain: 'forward';
  /** The rule as nft(8) reads it, without comment. */
  readonly text: string;
  /** Digest of chain and text; stands in the rule's comment, by which it is found again. */
  readonly id: string;
};

export type Sysctl = {
  /** With slashes, as below /proc/sys: `net/ipv4/conf/culvert0/forwarding`. */
  readonly key: string;
  readonly value: string;
};

export type Desired = {
  readonly interfaces: readonly DesiredInterface[];
  readonly routes: readonly DesiredRoute[];
  /** Empty: no table. */
  readonly firewall: readonly FirewallRule[];
  readonly sysctls: readonly Sysctl[];
};

/** Parts of the configuration that the local guard does not let through, with the reason. */
export type Held = {
  /** What would have been done, as a person would say it. */
  readonly operation: string;
  readonly reason: string;
};

/** A peer as the kernel has it. */
export type ObservedPeer = DesiredPeer & {
  /** Seconds since the last handshake; undefined when there was none. */
  readonly handshakeAgeSeconds?: number | undefined;
  readonly receivedBytes: number;
  readonly sentBytes: number;
};

/** A WireGuard device that answers. */
export type ObservedDevice = {
  readonly link: string;
  /** Undefined while the device has no key. */
  readonly publicKey?: PublicKey | undefined;
  /** 0 while the device has none. */
  readonly listenPort: number;
  readonly peers: readonly ObservedPeer[];
};

export type ObservedLink = {
  readonly name: string;
  readonly alias?: string | undefined;
  /** As ip-link(8) names it: `wireguard`, `tun`, `veth`, …; undefined for plain hardware. */
  readonly kind?: string | undefined;
  readonly mtuBytes: number;
  readonly isUp: boolean;
};

export type ObservedAddress = {
  readonly link: string;
  readonly address: Address;
  /** Of the connected prefix, bits. */
  readonly length: number;
};

/** A route of the main table, anybody's. */
export type ObservedRoute = {
  readonly prefix: Prefix;
  readonly kind: 'device' | 'gateway' | 'unreachable' | 'other';
  readonly protocol: number;
  readonly metric: number;
  /** Undefined when the route has none or several next hops. */
  readonly link?: string | undefined;
  readonly source?: Address | undefined;
};

export type Observed = {
  /** How WireGuard is to be had on this host. */
  readonly wireGuard: 'kernel' | 'userspace';
  /** Every link of the host. */
  readonly links: readonly ObservedLink[];
  readonly addresses: readonly ObservedAddress[];
  /** Devices of links that carry our alias; a link without its device does not answer. */
  readonly devices: readonly ObservedDevice[];
  readonly routes: readonly ObservedRoute[];
  /** Undefined: our table is not there. Ids of its rules in order; "?" for a rule without one. */
  readonly firewall?: readonly string[] | undefined;
  /** Values of the keys asked for; a key that the kernel does not have is absent. */
  readonly sysctls: ReadonlyMap<string, string>;
};

export type Operation =
  /** Makes the link with alias and MTU, still down. */
  | {
      readonly kind: 'create-link';
      readonly link: string;
      readonly alias: string;
      readonly mtuBytes: number;
      readonly implementation: 'kernel' | 'userspace';
    }
  /** Starts the userspace WireGuard of a link that has none attached. */
  | { readonly kind: 'start-device'; readonly link: string }
  | {
      readonly kind: 'set-device';
      readonly link: string;
      readonly publicKey: PublicKey;
      readonly listenPort: number;
    }
  | { readonly kind: 'set-link'; readonly link: string; readonly mtuBytes: number }
  | { readonly kind: 'add-address'; readonly link: string; readonly address: Prefix }
  | { readonly kind: 'set-peer'; readonly link: string; readonly peer: DesiredPeer }
  | { readonly kind: 'replace-route'; readonly route: DesiredRoute }
  | { readonly kind: 'set-firewall'; readonly rules: readonly FirewallRule[] }
  | ({ readonly kind: 'set-sysctl' } & Sysctl)
  | { readonly kind: 'remove-route'; readonly route: DesiredRoute }
  | { readonly kind: 'remove-peer'; readonly link: string; readonly publicKey: PublicKey }
  | { readonly kind: 'remove-address'; readonly link: string; readonly address: Prefix }
  /** Empties the peer list, then deletes the link; a userspace device ends with it. */
  | { readonly kind: 'remove-link'; readonly link: string }
  | { readonly kind: 'remove-firewall' };

/** An operation that was tried and did not succeed. */
export type Failure = { readonly operation: Operation; readonly reason: string };

/** The one way to the kernel. Takes no decision and keeps no state. */
export type Kernel = {
  /**
   * Reads everything at once, everybody's objects included: the guard needs to see them.
   *
   * @param interest keys of sysctls to read
   * @throws {Error} when some part cannot be read; nothing may be planned from half a picture
   */
  observe(interest: { readonly sysctls: readonly string[] }): Promise<Observed>;
  /**
   * Carries out operations of one kind, in order; idempotent. One that fails does not keep
   * the others from being tried.
   *
   * @returns the failures; empty when all succeeded
   */
  apply(operations: readonly Operation[]): Promise<readonly Failure[]>;
};
