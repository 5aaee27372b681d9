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

const ALONE = `${UNTOUCHED}; agent below 150 MB, one line in its log; status says since when and why`;

const CONTROL_PLANE_FAULTS: readonly (readonly [id: Row['id'], what: string])[] = [
  ['F10', 'is down'],
  ['F11', 'takes connections and says nothing'],
  ['F12', 'answers garbage in place of TLS'],
  ['F13', 'says nothing behind TLS'],
  ['F14', 'hangs up on every request'],
  ['F15', 'answers garbage behind TLS'],
  ['F16', 'answers 500'],
  ['F17', 'answers with a redirect'],
  ['F18', 'hangs up in the middle of a message'],
  ['F19', 'sends messages that nobody can read'],
  ['F20', 'answers with a gigabyte'],
  ['F21', 'answers with a header of a gigabyte'],
  ['F22', 'sends a message of a gigabyte'],
  ['F23', 'shows a certificate of another authority'],
  ['F24', 'shows a certificate of another name'],
  ['F25', 'shows a certificate that has expired'],
];

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
    promise: 'the first packet passes within 3 s of the start of the agent',
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
  ...CONTROL_PLANE_FAULTS.map(
    ([id, what]): Row => ({
      id,
      area: 'control plane',
      fault: `the control plane ${what}`,
      promise: ALONE,
    }),
  ),
  {
    id: 'F30',
    area: 'state on disk',
    fault: 'the newest configuration on disk is cut off, the control plane is down',
    promise: `the generation before it is used and the reason is logged; ${UNTOUCHED}`,
  },
  {
    id: 'F31',
    area: 'state on disk',
    fault: 'a byte of the newest configuration on disk is another, the control plane is down',
    promise: `the generation before it is used and the reason is logged; ${UNTOUCHED}`,
  },
  {
    id: 'F32',
    area: 'state on disk',
    fault: 'the newest configuration on disk is empty, the control plane is down',
    promise: `the generation before it is used and the reason is logged; ${UNTOUCHED}`,
  },
  {
    id: 'F33',
    area: 'state on disk',
    fault: 'the newest configuration on disk is of another host, the control plane is down',
    promise: `the generation before it is used and the reason is logged; ${UNTOUCHED}`,
  },
  {
    id: 'F34',
    area: 'state on disk',
    fault: 'every configuration on disk is damaged, the control plane is down',
    promise: `nothing is touched and each reason is logged; ${UNTOUCHED}`,
  },
  {
    id: 'F35',
    area: 'state on disk',
    fault: 'the keys on disk are readable by others',
    promise: `the agent does not start and says the remedy; ${UNTOUCHED}`,
  },
  {
    id: 'F36',
    area: 'state on disk',
    fault: 'the disk is full when a configuration comes',
    promise: `the one before stands and status says why; ${UNTOUCHED}; taken with the next one when there is room`,
  },
  {
    id: 'F37',
    area: 'state on disk',
    fault: 'the configuration on disk is mutated at random, 10,000 times in three ways each',
    promise: 'not one is taken, and none ends the agent',
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
