/**
 * The fault list: what can go wrong around an agent, and what then happens to the packets. A
 * row is a promise, so it stands here only together with the test of its id; the page
 * docs/reliability.md is made from it.
 *
 * @module
 */

export type Area = 'lifecycle' | 'control plane' | 'state on disk' | 'drift';

export type Row = {
  /** Never given to another fault. */
  readonly id: `F${number}`;
  readonly area: Area;
  readonly fault: string;
  /** What an operator may count on. */
  readonly promise: string;
};

const UNTOUCHED = '0 packets lost in both directions, nothing in clear';

const BACK = 'back within 1 s of the event; nothing in clear meanwhile';

export const ROWS: readonly Row[] = [
  {
    id: 'F01',
    area: 'lifecycle',
    fault: 'the agent is ended (SIGTERM) and started, again and again',
    promise: `${UNTOUCHED}; no new handshake; kernel state equal byte for byte`,
  },
  {
    id: 'F02',
    area: 'lifecycle',
    fault: 'the agent is killed (SIGKILL) and started, again and again',
    promise: `${UNTOUCHED}; no new handshake; kernel state equal byte for byte`,
  },
  {
    id: 'F03',
    area: 'lifecycle',
    fault: 'the agent is stopped and stays so for a while',
    promise: `${UNTOUCHED}; no new handshake; kernel state equal byte for byte`,
  },
  {
    id: 'F04',
    area: 'lifecycle',
    fault: 'the agent is frozen (SIGSTOP), then goes on',
    promise: `${UNTOUCHED}; no new handshake; kernel state equal byte for byte`,
  },
  {
    id: 'F05',
    area: 'lifecycle',
    fault: 'the gateway starts from nothing while the control plane is down',
    promise: 'the first packet passes within 3 s of the start of the agent; nothing in clear',
  },
  {
    id: 'F06',
    area: 'lifecycle',
    fault: 'a second agent is started on the host',
    promise: `it is refused, with the reason; ${UNTOUCHED}`,
  },
  {
    id: 'F07',
    area: 'lifecycle',
    fault: 'an operator removes the connector',
    promise: 'the agent ends and the host is as before it joined, byte for byte',
  },
  {
    id: 'F08',
    area: 'lifecycle',
    fault: 'the host leaves (culvert agent leave)',
    promise: 'the host is as before it joined, byte for byte; 0 packets lost between the others',
  },
  {
    id: 'F40',
    area: 'drift',
    fault: 'a route to a site is deleted',
    promise: `${BACK}; 0 packets lost to the other sites`,
  },
  {
    id: 'F41',
    area: 'drift',
    fault: 'all routes into the tunnel are deleted',
    promise: BACK,
  },
  {
    id: 'F42',
    area: 'drift',
    fault: 'a backstop is deleted',
    promise: `${BACK}; 0 packets lost in both directions`,
  },
  {
    id: 'F43',
    area: 'drift',
    fault: 'the overlay addresses are deleted, which takes the routes with them',
    promise: BACK,
  },
  {
    id: 'F44',
    area: 'drift',
    fault: 'the firewall table is deleted',
    promise: `${BACK}; 0 packets lost in both directions`,
  },
  {
    id: 'F45',
    area: 'drift',
    fault: 'a rule in the firewall table is deleted',
    promise: `${BACK}; 0 packets lost in both directions`,
  },
  {
    id: 'F46',
    area: 'drift',
    fault: 'the firewall is emptied (nft flush ruleset)',
    promise: `${BACK}; 0 packets lost in both directions`,
  },
  {
    id: 'F47',
    area: 'drift',
    fault: 'forwarding is switched off on the tunnel',
    promise: BACK,
  },
  {
    id: 'F48',
    area: 'drift',
    fault: 'forwarding is switched off on the LAN',
    promise: BACK,
  },
  {
    id: 'F49',
    area: 'drift',
    fault: 'forwarding of IPv6 is switched off on the host',
    promise: BACK,
  },
  {
    id: 'F50',
    area: 'drift',
    fault: 'the MTU of the tunnel is changed',
    promise: `${BACK}; 0 packets lost in both directions`,
  },
  {
    id: 'F51',
    area: 'drift',
    fault: 'the tunnel is set down',
    promise: BACK,
  },
  {
    id: 'F52',
    area: 'drift',
    fault: 'the process of userspace WireGuard is killed',
    promise: BACK,
  },
  {
    id: 'F53',
    area: 'drift',
    fault: 'the tunnel is deleted',
    promise: BACK,
  },
  {
    id: 'F54',
    area: 'drift',
    fault: 'tunnel, routes, backstops, firewall and forwarding are gone all at once',
    promise: 'back within 1 s of the last of the events',
  },
  {
    id: 'F55',
    area: 'drift',
    fault: 'routes and backstops are deleted together (ip route flush proto 121)',
    promise: 'back within 1 s of the event',
  },
];

/** @throws {RangeError} when there is none of this id */
export function rowOf(id: Row['id']): Row {
  const row = ROWS.find((candidate) => candidate.id === id);
  if (row === undefined) throw new RangeError(`There is no row "${id}"`);
  return row;
}
