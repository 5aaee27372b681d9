/**
 * A kernel for tests: keeps what it is told, by the rules of the real one that matter to the
 * agent. `test/lab/kernel.test.ts` drives both with the same operations and compares them.
 *
 * What other programs made is there to be seen and met. An operation that would take it away
 * is a bug of the planner: it throws, where the real kernel would obey.
 *
 * @module
 */
import {
  ALIAS_PREFIX,
  type DesiredPeer,
  type DesiredRoute,
  type Failure,
  type FirewallRule,
  type Kernel,
  type Observed,
  type ObservedAddress,
  type ObservedLink,
  type ObservedPeer,
  type ObservedRoute,
  type Operation,
  ROUTE_PROTOCOL,
} from '../../agent/state.ts';
import type { Endpoint } from '../../protocol/endpoint.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import {
  type Address,
  familyOf,
  networkAddress,
  type Prefix,
  prefixLength,
} from '../../protocol/net.ts';
import { connectedRoutes } from './connected-routes.ts';
import { kernelLines, type NameOf } from './kernel-lines.ts';
import { FakeSysctls } from './sysctls.ts';

/** What is on the host before the agent comes. */
export type FakeHost = {
  /** Default `userspace`. */
  readonly wireGuard?: Observed['wireGuard'];
  /** Default: only `lo`. */
  readonly links?: readonly ObservedLink[];
  readonly addresses?: readonly ObservedAddress[];
  /** Routes of other programs; the kernel makes those of its addresses itself. */
  readonly routes?: readonly ObservedRoute[];
  /** Added to, or instead of, what a fresh kernel has. */
  readonly sysctls?: Readonly<Record<string, string>>;
};

type Device = {
  publicKey?: PublicKey;
  listenPort: number;
  readonly peers: Map<PublicKey, ObservedPeer>;
};

/** Which calls of {@link FakeKernel} are to fail. */
export type Matcher = Operation['kind'] | 'observe' | ((operation: Operation) => boolean);

const LOOPBACK: ObservedLink = { name: 'lo', mtuBytes: 65_536, isUp: true };

const NO_LINK = 'there is no such link (ENODEV)';

export class FakeKernel implements Kernel {
  /** Called after every change, whoever made it, as the monitor is. */
  onChange: () => void = () => {};
  /** Operations that succeeded, in order. */
  readonly applied: Operation[] = [];

  readonly #wireGuard: Observed['wireGuard'];
  readonly #links = new Map<string, ObservedLink>();
  #addresses: ObservedAddress[] = [];
  /** Without those of addresses: {@link connectedRoutes} derives them. */
  #routes: ObservedRoute[] = [];
  readonly #devices = new Map<string, Device>();
  #firewall: FirewallRule[] | undefined;
  readonly #sysctls = new FakeSysctls();
  readonly #faults: { matches: (what: Operation | 'observe') => boolean; reason: string }[] = [];

  constructor(host: FakeHost = {}) {
    this.#wireGuard = host.wireGuard ?? 'userspace';
    for (const link of [LOOPBACK, ...(host.links ?? [])]) this.#putLink(link);
    for (const [key, value] of Object.entries(host.sysctls ?? {})) this.#sysctls.assume(key, value);
    this.#addresses.push(...(host.addresses ?? []));
    this.#routes.push(...(host.routes ?? []));
  }

  async observe({ sysctls }: { readonly sysctls: readonly string[] }): Promise<Observed> {
    const fault = this.#takeFault('observe');
    if (fault !== undefined) throw new Error(fault);
    return {
      wireGuard: this.#wireGuard,
      links: [...this.#links.values()],
      addresses: [...this.#addresses],
      devices: [...this.#devices].flatMap(([link, { publicKey, listenPort, peers }]) =>
        this.#isOurs(link) ? [{ link, publicKey, listenPort, peers: [...peers.values()] }] : [],
      ),
      routes: [...this.#routes, ...connectedRoutes(this.#addresses, this.#links)],
      firewall: this.#firewall?.map(({ id }) => id),
      sysctls: this.#sysctls.matching(sysctls),
    };
  }

  async apply(operations: readonly Operation[]): Promise<readonly Failure[]> {
    if (new Set(operations.map(({ kind }) => kind)).size > 1) {
      throw new RangeError('Cannot apply operations: they are of several kinds, expected one');
    }
    return operations.flatMap((operation) => {
      const reason = this.#takeFault(operation) ?? this.#carryOut(operation);
      if (reason !== undefined) return [{ operation, reason }];
      this.applied.push(operation);
      this.onChange();
      return [];
    });
  }

  /** Lets the next call that matches fail, as often as said. */
  failNext(matcher: Matcher, reason: string, times = 1): void {
    const matches = (what: Operation | 'observe') => {
      if (typeof matcher === 'function') return what !== 'observe' && matcher(what);
      return matcher === (what === 'observe' ? what : what.kind);
    };
    for (let i = 0; i < times; i++) this.#faults.push({ matches, reason });
  }

  /**
   * Itself in lines like those of ip(8), wg(8) and nft(8), each beginning with its sort, in a
   * fixed order. Sysctls are those that differ from the start; routes that the kernel makes of
   * its addresses are left out.
   */
  lines(nameOf: NameOf = (key) => key): string[] {
    return kernelLines(
      {
        links: [...this.#links.values()].filter(({ name }) => name !== 'lo'),
        addresses: this.#addresses,
        routes: this.#routes,
        devices: [...this.#devices].map(([link, { publicKey, listenPort, peers }]) => {
          return { link, publicKey, listenPort, peers: [...peers.values()] };
        }),
        firewall: this.#firewall,
        sysctls: this.#sysctls.written(),
      },
      nameOf,
    );
  }

  toString(): string {
    return this.lines().join('\n');
  }

  // What peers do.

  /** A peer is heard: its endpoint is learnt, and it has a session. */
  hear(
    link: string,
    publicKey: PublicKey,
    { endpoint, ageSeconds = 0 }: { endpoint?: Endpoint; ageSeconds?: number } = {},
  ): void {
    const peers = this.#devices.get(link)?.peers;
    const peer = peers?.get(publicKey);
    if (peers === undefined || peer === undefined) {
      throw new RangeError(`Cannot hear ${publicKey}: not a peer of ${link}`);
    }
    const learnt = endpoint ?? peer.endpoint;
    peers.set(publicKey, { ...peer, endpoint: learnt, handshakeAgeSeconds: ageSeconds });
  }

  // What other programs and people do.

  /** The userspace process of a device is killed; link, addresses and routes stay. */
  die(link: string): void {
    if (this.#links.get(link)?.kind !== 'tun' || !this.#devices.delete(link)) {
      throw new RangeError(`Cannot kill the process of ${link}: it has none`);
    }
    this.onChange();
  }

  putLink(link: ObservedLink): void {
    this.#putLink(link);
    this.onChange();
  }

  /** IPv4 addresses stay on a link that is down, IPv6 addresses and all its routes do not. */
  setLinkDown(name: string): void {
    const link = this.#links.get(name);
    if (link === undefined) throw new RangeError(`Cannot set ${name} down: ${NO_LINK}`);
    if (!link.isUp) return;
    this.#links.set(name, { ...link, isUp: false });
    this.#removeAddresses((a) => a.link === name && familyOf(a.address) === 6);
    this.#routes = this.#routes.filter((route) => route.link !== name);
    this.onChange();
  }

  deleteLink(name: string): void {
    this.#deleteLink(name);
    this.onChange();
  }

  putAddress(address: ObservedAddress): void {
    this.#addresses.push(address);
    this.onChange();
  }

  /** From every link, or from this one. */
  deleteAddress(address: Address, link?: string): void {
    this.#removeAddresses((a) => a.address === address && a.link === (link ?? a.link));
    this.onChange();
  }

  putRoute(route: ObservedRoute): void {
    this.#routes = [...this.#routes.filter((other) => !isSameKey(other, route)), route];
    this.onChange();
  }

  /** Every route to the prefix, or the one with this metric. */
  deleteRoute(prefix: Prefix, metric?: number): void {
    this.#routes = this.#routes.filter(
      (route) => route.prefix !== prefix || route.metric !== (metric ?? route.metric),
    );
    this.onChange();
  }

  deleteFirewall(): void {
    this.#firewall = undefined;
    this.onChange();
  }

  /** Adds a rule of their own to our table; it is observed as "?". */
  insertFirewallRule(text: string): void {
    this.#firewall = [{ chain: 'forward', text, id: '?' }, ...(this.#firewall ?? [])];
    this.onChange();
  }

  writeSysctl(key: string, value: string): void {
    this.#sysctls.write(key, value);
    this.onChange();
  }

  // The rules.

  /** @returns why it cannot be done; undefined when it is done, or was before */
  #carryOut(operation: Operation): string | undefined {
    switch (operation.kind) {
      case 'create-link':
        return this.#createLink(operation);
      case 'start-device':
        return this.#startDevice(operation.link);
      case 'set-device': {
        const device = this.#devices.get(operation.link);
        if (device === undefined) return noDevice(operation.link);
        device.publicKey = operation.publicKey;
        device.peers.delete(operation.publicKey); // nobody is a peer of himself
        device.listenPort = operation.listenPort;
        return undefined;
      }
      case 'set-link': {
        const link = this.#links.get(operation.link);
        if (link === undefined) return NO_LINK;
        if (!this.#isOurs(operation.link)) return foreignLink(operation.link);
        this.#links.set(link.name, { ...link, mtuBytes: operation.mtuBytes, isUp: true });
        return undefined;
      }
      case 'add-address':
        return this.#addAddress(operation.link, operation.address);
      case 'remove-address': {
        const address = networkAddress(operation.address);
        this.#removeAddresses((a) => a.link === operation.link && a.address === address);
        return undefined;
      }
      case 'set-peer':
        return this.#setPeer(operation.link, operation.peer);
      case 'remove-peer': {
        const device = this.#devices.get(operation.link);
        if (device === undefined) return noDevice(operation.link);
        device.peers.delete(operation.publicKey);
        return undefined;
      }
      case 'replace-route':
        return this.#replaceRoute(operation.route);
      case 'remove-route':
        this.#routes = this.#routes.filter(
          (route) => !(route.protocol === ROUTE_PROTOCOL && isSameKey(route, operation.route)),
        );
        return undefined;
      case 'set-firewall':
        this.#firewall = [...operation.rules];
        return undefined;
      case 'remove-firewall':
        this.#firewall = undefined;
        return undefined;
      case 'set-sysctl':
        if (!this.#sysctls.has(operation.key)) return 'the kernel does not have it';
        this.#sysctls.write(operation.key, operation.value);
        return undefined;
      case 'remove-link':
        if (!this.#links.has(operation.link)) return undefined;
        if (!this.#isOurs(operation.link)) return foreignLink(operation.link);
        this.#deleteLink(operation.link);
        return undefined;
    }
  }

  #createLink({
    link: name,
    alias,
    mtuBytes,
    implementation,
  }: Extract<Operation, { kind: 'create-link' }>): string | undefined {
    const present = this.#links.get(name);
    if (present !== undefined) return present.alias === alias ? undefined : foreignLink(name);
    const isKernel = implementation === 'kernel';
    if (isKernel && this.#wireGuard !== 'kernel') return 'the kernel has no WireGuard';
    this.#putLink({ name, alias, mtuBytes, isUp: false, kind: isKernel ? 'wireguard' : 'tun' });
    if (isKernel) this.#devices.set(name, { listenPort: 0, peers: new Map() });
    return undefined;
  }

  #startDevice(link: string): string | undefined {
    if (!this.#links.has(link)) return NO_LINK;
    if (!this.#isOurs(link)) return foreignLink(link);
    if (!this.#devices.has(link)) this.#devices.set(link, { listenPort: 0, peers: new Map() });
    return undefined;
  }

  #addAddress(link: string, prefix: Prefix): string | undefined {
    if (!this.#links.has(link)) return NO_LINK;
    const address = networkAddress(prefix);
    const isThere = this.#addresses.some((a) => a.link === link && a.address === address);
    if (!isThere) this.#addresses.push({ link, address, length: prefixLength(prefix) });
    return undefined;
  }

  /** A prefix is on one peer of a device; an endpoint that is not named stays. */
  #setPeer(link: string, { publicKey, ...settings }: DesiredPeer): string | undefined {
    const device = this.#devices.get(link);
    if (device === undefined) return noDevice(link);
    if (publicKey === device.publicKey) return undefined; // ignored, without a word
    for (const [key, peer] of device.peers) {
      const kept = peer.allowedIps.filter((prefix) => !settings.allowedIps.includes(prefix));
      device.peers.set(key, { ...peer, allowedIps: kept });
    }
    const { endpoint, ...traffic } = device.peers.get(publicKey) ?? {
      endpoint: undefined,
      receivedBytes: 0,
      sentBytes: 0,
    };
    const peer = { ...traffic, ...settings, endpoint: settings.endpoint ?? endpoint, publicKey };
    device.peers.set(publicKey, peer);
    return undefined;
  }

  /** The link must be up, and a source must be an address of this host, on whichever link. */
  #replaceRoute(route: DesiredRoute): string | undefined {
    if (route.kind === 'device') {
      const link = this.#links.get(route.link);
      if (link === undefined) return NO_LINK;
      if (!link.isUp) return 'the link is down (ENETDOWN)';
      const { source } = route;
      if (source !== undefined && !this.#addresses.some(({ address }) => address === source)) {
        return 'the kernel does not accept it (EINVAL)';
      }
    }
    const replaced = this.#routes.find((other) => isSameKey(other, route));
    if (replaced !== undefined && replaced.protocol !== ROUTE_PROTOCOL) {
      throw new RangeError(
        `Cannot replace the route to ${route.prefix} with metric ${route.metric}: it is ` +
          `another program's (protocol ${replaced.protocol}), and a plan must leave it alone`,
      );
    }
    const others = this.#routes.filter((other) => other !== replaced);
    this.#routes = [...others, { ...route, protocol: ROUTE_PROTOCOL }];
    return undefined;
  }

  #putLink(link: ObservedLink): void {
    this.#links.set(link.name, link);
    this.#sysctls.addLink(link.name);
  }

  /** With a link go its device, routes, addresses and sysctls. */
  #deleteLink(name: string): void {
    this.#links.delete(name);
    this.#devices.delete(name);
    this.#routes = this.#routes.filter((route) => route.link !== name);
    this.#removeAddresses(({ link }) => link === name);
    this.#sysctls.removeLink(name);
  }

  /**
   * A route whose source has gone: IPv4 drops it, IPv6 keeps it without the source. A link
   * that loses its last IPv4 address loses every IPv4 route.
   */
  #removeAddresses(isGone: (address: ObservedAddress) => boolean): void {
    const gone = this.#addresses.filter(isGone);
    this.#addresses = this.#addresses.filter((address) => !isGone(address));
    const hasIpv4 = (among: readonly ObservedAddress[], name?: string) =>
      among.some(({ link, address }) => link === name && familyOf(address) === 4);
    const isLeft = (source: Address) => this.#addresses.some(({ address }) => address === source);
    this.#routes = this.#routes.flatMap((route) => {
      const isIpv4 = familyOf(route.prefix) === 4;
      const { link } = route;
      if (isIpv4 && hasIpv4(gone, link) && !hasIpv4(this.#addresses, link)) return [];
      if (route.source === undefined || isLeft(route.source)) return [route];
      return isIpv4 ? [] : [{ ...route, source: undefined }];
    });
  }

  #isOurs(link: string): boolean {
    return this.#links.get(link)?.alias?.startsWith(ALIAS_PREFIX) ?? false;
  }

  #takeFault(what: Operation | 'observe'): string | undefined {
    const at = this.#faults.findIndex(({ matches }) => matches(what));
    return at < 0 ? undefined : this.#faults.splice(at, 1)[0]?.reason;
  }
}

/** The kernel keeps one route for a prefix and a metric. */
function isSameKey(
  a: { readonly prefix: Prefix; readonly metric: number },
  b: { readonly prefix: Prefix; readonly metric: number },
): boolean {
  return a.prefix === b.prefix && a.metric === b.metric;
}

function noDevice(link: string): string {
  return `no WireGuard answers on "${link}"`;
}

function foreignLink(link: string): string {
  return `another program's link is called "${link}"; rename or remove it: ip link delete ${link}`;
}
