/**
 * The real kernel behind the port of `agent/state.ts`: composes the adapters of this folder.
 * Takes no decision and keeps no state but what cannot change while the host runs.
 *
 * @module
 */
import {
  ALIAS_PREFIX,
  type Failure,
  type Kernel,
  type Observed,
  type Operation,
} from '../state.ts';
import { addAddress, observeAddresses, removeAddress } from './address.ts';
import { byNetlink, linkByLink, oneByOne } from './attempt.ts';
import { observeFirewall, removeFirewall, setFirewall } from './firewall.ts';
import {
  createLink,
  hasKernelWireGuard,
  type Link,
  observeLinks,
  ownLink,
  removeLink,
  setLink,
  setMtu,
} from './link.ts';
import { Netlink, type RawRequest, type Request } from './netlink.ts';
import { observeRoutes, removeRoute, replaceRoute } from './route.ts';
import { type Run, run as realRun, type StartDetached, startDetached } from './run.ts';
import { observeSysctls, setSysctl } from './sysctl.ts';
import { awaitEnd, startDevice, stopService } from './userspace.ts';
import {
  listDevices,
  observeDevice,
  type PrivateKeyOf,
  removePeers,
  setDevice,
  setPeers,
} from './wireguard.ts';

export type KernelOptions = {
  readonly privateKeyOf: PrivateKeyOf;
  /** Unix seconds. */
  readonly nowSeconds: () => number;
  readonly run?: Run;
  readonly startDetached?: StartDetached;
};

/** A kernel port on the network namespace in which the program runs. */
export type RealKernel = Kernel & {
  /** Gives up the netlink socket; nothing in the kernel changes. */
  close(): void;
};

export function createKernel(options: KernelOptions): RealKernel {
  const context: Context = {
    netlink: new Netlink(),
    run: options.run ?? realRun,
    startDetached: options.startDetached ?? startDetached,
    privateKeyOf: options.privateKeyOf,
    nowSeconds: options.nowSeconds,
  };
  let wireGuard: Observed['wireGuard'] | undefined;
  return {
    async observe({ sysctls }) {
      wireGuard ??= (await hasKernelWireGuard(context.netlink)) ? 'kernel' : 'userspace';
      return { wireGuard, ...(await observe(context, sysctls)) };
    },
    apply: (operations) => apply(context, operations),
    close: () => context.netlink.close(),
  };
}

type Context = Required<KernelOptions> & { readonly netlink: Netlink };

async function observe(
  { netlink, run, nowSeconds }: Context,
  sysctlKeys: readonly string[],
): Promise<Omit<Observed, 'wireGuard'>> {
  const [links, addresses, routes, answering, firewall, sysctls] = await Promise.all([
    observeLinks(netlink),
    observeAddresses(netlink),
    observeRoutes(netlink),
    listDevices(run),
    observeFirewall(run),
    observeSysctls(sysctlKeys),
  ]);
  const ours = links.filter(
    ({ name, alias }) => alias?.startsWith(ALIAS_PREFIX) && answering.has(name),
  );
  const now = nowSeconds();
  const devices = await Promise.all(ours.map(({ name }) => observeDevice(run, name, now)));
  const nameOf = new Map(links.map(({ index, name }) => [index, name]));
  return {
    links: links.map(({ index: _, ...link }) => link),
    // One whose link came after the links were read is seen at the next look.
    addresses: addresses.flatMap(({ index, ...address }) => {
      const link = nameOf.get(index);
      return link === undefined ? [] : [{ link, ...address }];
    }),
    devices: devices.filter((device) => device !== undefined),
    routes: routes.map(({ index, ...route }) => ({
      ...route,
      link: index === undefined ? undefined : nameOf.get(index),
    })),
    firewall,
    sysctls,
  };
}

/** Operations of one kind, as the port promises. */
type Batch<K extends Operation['kind'] = Operation['kind']> = readonly Extract<
  Operation,
  { kind: K }
>[];

async function apply(context: Context, operations: Batch): Promise<Failure[]> {
  const [first] = operations;
  if (first === undefined) return [];
  if (operations.some(({ kind }) => kind !== first.kind)) {
    throw new RangeError('Cannot apply operations: they are of several kinds, expected one');
  }
  const { netlink, run } = context;
  const batch = <K extends Operation['kind']>() => operations as Batch<K>; // checked just now
  switch (first.kind) {
    case 'create-link':
      return oneByOne(batch<'create-link'>(), (operation) => createLink(context, operation));
    case 'start-device':
      return oneByOne(batch<'start-device'>(), ({ link }) => attachDevice(context, link));
    case 'set-device':
      return oneByOne(batch<'set-device'>(), (operation) =>
        setDevice(run, operation, context.privateKeyOf),
      );
    case 'set-link':
      return oneByOne(batch<'set-link'>(), (operation) => setLink(netlink, operation));
    case 'add-address':
    case 'remove-address':
      return applyAddresses(netlink, batch<'add-address' | 'remove-address'>());
    case 'set-peer':
      return linkByLink(batch<'set-peer'>(), (link, some) =>
        setPeers(
          run,
          link,
          some.map(({ peer }) => peer),
        ),
      );
    case 'remove-peer':
      return linkByLink(batch<'remove-peer'>(), (link, some) =>
        removePeers(
          run,
          link,
          some.map(({ publicKey }) => publicKey),
        ),
      );
    case 'replace-route':
    case 'remove-route':
      return applyRoutes(netlink, batch<'replace-route' | 'remove-route'>());
    case 'set-firewall':
      return oneByOne(batch<'set-firewall'>(), ({ rules }) => setFirewall(run, rules));
    case 'remove-firewall':
      return oneByOne(batch<'remove-firewall'>(), () => removeFirewall(run));
    case 'set-sysctl':
      return oneByOne(batch<'set-sysctl'>(), setSysctl);
    case 'remove-link':
      return oneByOne(batch<'remove-link'>(), ({ link }) => removeDevice(context, link));
  }
}

/**
 * Without a link of ours wireguard-go would make one that nobody owns. At its start it gives
 * the link its own default MTU, which is taken back.
 */
async function attachDevice(context: Context, name: string): Promise<void> {
  const link = await ownLink(context.netlink, name);
  await startDevice(context, name);
  await setMtu(context.netlink, link);
}

/**
 * Empties the peer list first: the kernel takes 18 ms a peer to delete a device that still
 * has them, and a hundredth of that to remove them.
 */
async function removeDevice({ netlink, run, nowSeconds }: Context, link: string): Promise<void> {
  if (!(await observeLinks(netlink)).some(({ name }) => name === link)) return;
  const present = await ownLink(netlink, link);
  if ((await listDevices(run)).has(link)) {
    const device = await observeDevice(run, link, nowSeconds());
    await removePeers(run, link, device?.peers.map(({ publicKey }) => publicKey) ?? []);
  }
  await stopService(run, link);
  await removeLink(netlink, present);
  await awaitEnd(run, link);
}

async function applyAddresses(
  netlink: Netlink,
  operations: Batch<'add-address' | 'remove-address'>,
): Promise<Failure[]> {
  const indexOf = indexesByName(await observeLinks(netlink));
  return byNetlink((requests: readonly Request[]) => netlink.request(requests), operations, {
    requestOf({ kind, link, address }) {
      const index = indexOf.get(link);
      if (index === undefined) return undefined;
      return kind === 'add-address' ? addAddress(index, address) : removeAddress(index, address);
    },
    whyNot({ kind }, { code, message }) {
      const isGone = code === 'EADDRNOTAVAIL' || code === 'ENODEV';
      return kind === 'remove-address' && isGone ? undefined : message;
    },
  });
}

async function applyRoutes(
  netlink: Netlink,
  operations: Batch<'replace-route' | 'remove-route'>,
): Promise<Failure[]> {
  const indexOf = indexesByName(await observeLinks(netlink));
  return byNetlink((requests: readonly RawRequest[]) => netlink.batch(requests), operations, {
    requestOf({ kind, route }) {
      if (kind === 'remove-route') return removeRoute(route);
      if (route.kind === 'unreachable') return replaceRoute(route);
      const index = indexOf.get(route.link);
      return index === undefined ? undefined : replaceRoute(route, index);
    },
    whyNot({ kind, route }, { code, message }) {
      if (kind === 'remove-route' && code === 'ESRCH') return undefined;
      const source = route.kind === 'device' ? route.source : undefined;
      if (code !== 'EINVAL' || source === undefined) return message;
      return `${message}; is ${source} still an address of this host?`;
    },
  });
}

function indexesByName(links: readonly Link[]): Map<string, number> {
  return new Map(links.map(({ name, index }) => [name, index]));
}
