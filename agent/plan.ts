/**
 * Decides what must be done, and in which order, so that the kernel holds what is desired.
 * Pure; every planner it calls is. A plan leaves nothing to decide when it is carried out.
 *
 * Order (make before break): policy before traffic, backstops before anything they stand
 * behind, allowed IPs before the route that uses them, forwarding last; on the way out the
 * reverse, so that a prefix stops being routed before its peer stops taking it, and its
 * backstop goes when nothing is left to stand behind.
 *
 * @module
 */
import { familyOf, type Prefix } from '../protocol/net.ts';
import { type PeerPlan, planPeers } from './plan-peers.ts';
import { planRoutes } from './plan-routes.ts';
import {
  ALIAS_PREFIX,
  type Desired,
  type DesiredInterface,
  type Held,
  type Observed,
  type ObservedLink,
  type Operation,
} from './state.ts';

export type Plan = {
  /** To apply in order; empty when the kernel already agrees. */
  readonly operations: readonly Operation[];
  /** What cannot be planned without touching what is not ours. */
  readonly held: readonly Held[];
};

export function plan(desired: Desired, observed: Observed): Plan {
  const interfaces = desired.interfaces.map((wanted) => planInterface(wanted, observed));
  const routes = planRoutes({ desired: desired.routes, observed: observed.routes });
  const firewall = planFirewall(desired, observed);
  const each = <K extends keyof InterfacePlan>(part: K) => interfaces.flatMap((p) => p[part]);
  return {
    operations: [
      ...firewall.set,
      ...routes.backstops,
      ...each('make'),
      ...each('gain'),
      ...routes.routes,
      ...planSysctls(desired, observed),
      ...routes.removeRoutes,
      ...each('lose'),
      ...each('removePeers'),
      ...each('removeAddresses'),
      ...planUnwantedLinks(desired, observed),
      ...routes.removeBackstops,
      ...firewall.remove,
    ],
    held: routes.held,
  };
}

/** True for links that we made: their alias says so. */
export function isOurs(link: ObservedLink): boolean {
  return link.alias?.startsWith(ALIAS_PREFIX) ?? false;
}

type InterfacePlan = {
  readonly make: readonly Operation[];
  readonly gain: PeerPlan['gain'];
  readonly lose: PeerPlan['lose'];
  readonly removePeers: PeerPlan['remove'];
  readonly removeAddresses: readonly Operation[];
};

function planInterface(wanted: DesiredInterface, observed: Observed): InterfacePlan {
  const { name: link, alias, mtuBytes, publicKey, listenPort } = wanted;
  const current = observed.links.find((l) => l.name === link && isOurs(l));
  const device = observed.devices.find((d) => d.link === link);
  const make: Operation[] = [];
  if (current === undefined) {
    const implementation = observed.wireGuard;
    make.push({ kind: 'create-link', link, alias, mtuBytes, implementation });
  }
  // A kernel device answers as soon as its link is there; only a userspace one is started.
  if (device === undefined && observed.wireGuard === 'userspace') {
    make.push({ kind: 'start-device', link });
  }
  if (device?.publicKey !== publicKey || device.listenPort !== listenPort) {
    make.push({ kind: 'set-device', link, publicKey, listenPort });
  }
  if (current === undefined || !current.isUp || current.mtuBytes !== mtuBytes) {
    make.push({ kind: 'set-link', link, mtuBytes });
  }
  const present = current === undefined ? [] : ownAddresses(link, observed);
  for (const address of wanted.addresses) {
    if (!present.includes(address)) make.push({ kind: 'add-address', link, address });
  }
  const { gain, lose, remove } = planPeers({
    link,
    desired: wanted.peers,
    observed: device?.peers ?? [],
  });
  return {
    make,
    gain,
    lose,
    removePeers: remove,
    removeAddresses: present
      .filter((address) => !wanted.addresses.includes(address))
      .map((address) => ({ kind: 'remove-address', link, address })),
  };
}

/** Addresses of our link, without the link-local ones that the kernel gives by itself. */
function ownAddresses(link: string, observed: Observed): Prefix[] {
  return observed.addresses
    .filter((a) => a.link === link && !(familyOf(a.address) === 6 && /^fe[89ab]/.test(a.address)))
    .map((a) => `${a.address}/${a.length}` as Prefix); // a host prefix, else it is not ours to keep
}

function planUnwantedLinks(desired: Desired, observed: Observed): Operation[] {
  const wanted = new Set(desired.interfaces.map((i) => i.name));
  return observed.links
    .filter((link) => isOurs(link) && !wanted.has(link.name))
    .map((link) => ({ kind: 'remove-link', link: link.name }));
}

function planFirewall(desired: Desired, observed: Observed) {
  const { firewall: rules } = desired;
  const isThere = observed.firewall !== undefined;
  if (rules.length === 0) {
    const remove: Operation[] = isThere ? [{ kind: 'remove-firewall' }] : [];
    return { set: [], remove };
  }
  const isSame = rules.map((rule) => rule.id).join() === observed.firewall?.join();
  const set: Operation[] = isSame ? [] : [{ kind: 'set-firewall', rules }];
  return { set, remove: [] };
}

/** A key that the kernel does not have (IPv6 switched off) is no work to do. */
function planSysctls(desired: Desired, observed: Observed): Operation[] {
  return desired.sysctls
    .filter(({ key, value }) => (observed.sysctls.get(key) ?? value) !== value)
    .map((sysctl) => ({ kind: 'set-sysctl', ...sysctl }));
}
