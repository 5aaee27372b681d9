/**
 * Tells which firewall chains of others would stop a packet on its way through this host, by
 * following their rules as `nft -j list ruleset` prints them. What a rule asks beyond
 * interfaces, addresses, protocol and connection state is not known, and the answer says so.
 * Pure.
 *
 * @module
 * @see libnftables-json(5)
 */
import { type Address, canonicalAddress, canonicalPrefix, contains } from '../protocol/net.ts';
import { FIREWALL_TABLE } from './state.ts';

/** The first packet of a TCP connection, to any port, on its way through this host. */
export type Packet = {
  readonly incoming: string;
  readonly outgoing: string;
  readonly source: Address;
  readonly destination: Address;
};

/** A base chain that stops the packet. */
export type Obstacle = {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** `policy drop`, or the rule: `rule 7 of chain "FORWARD"`. */
  readonly by: string;
  /** False when a rule before it, which is not understood, may let the packet through. */
  readonly isCertain: boolean;
  /** Who made the table, as far as its chains tell. */
  readonly owner: 'docker' | 'firewalld' | 'ufw' | 'unknown';
};

/** An expression of a rule: one member, named after what it does. */
type Expression = Readonly<Record<string, unknown>>;
type Rule = { readonly handle: number; readonly expressions: readonly Expression[] };
type Chain = {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string | undefined;
  readonly policy?: string | undefined;
  readonly rules: Rule[];
};

export type Ruleset = ReadonlyMap<string, Chain>;

const MAX_JUMPS = 16;

const TRANSPORT = 'tcp';

/** A rule that reads one of these headers means other packets (nft(8), "Payload expressions"). */
const OTHER_TRANSPORTS = ['icmp', 'icmpv6', 'igmp', 'udp', 'udplite', 'sctp', 'dccp', 'esp', 'ah'];

/** @throws {SyntaxError} when the text is not JSON */
export function parseRuleset(text: string): Ruleset {
  const chains = new Map<string, Chain>();
  for (const object of list(member(JSON.parse(text), 'nftables'))) {
    const chain = member(object, 'chain');
    const rule = member(object, 'rule');
    if (chain !== undefined) {
      const read = (name: string) => word(member(chain, name));
      const [family = '', table = '', name = ''] = [read('family'), read('table'), read('name')];
      const base = { hook: read('hook'), policy: read('policy') };
      chains.set(keyOf(family, table, name), { family, table, name, ...base, rules: [] });
    } else if (rule !== undefined) {
      const read = (name: string) => word(member(rule, name)) ?? '';
      // The kernel lists a chain before its rules.
      chains.get(keyOf(read('family'), read('table'), read('chain')))?.rules.push({
        handle: Number(member(rule, 'handle')),
        expressions: list(member(rule, 'expr')) as Expression[], // read member by member
      });
    }
  }
  return chains;
}

/** The base chains of others on the forward hook that stop the packet. */
export function obstacles(ruleset: Ruleset, packet: Packet): Obstacle[] {
  const families = ['inet', packet.source.includes(':') ? 'ip6' : 'ip'];
  return [...ruleset.values()].flatMap((chain) => {
    const { family, table, name, hook, policy } = chain;
    if (hook !== 'forward' || !families.includes(family) || table === FIREWALL_TABLE) return [];
    const walk = new Walk(ruleset, packet);
    const end = walk.follow(chain);
    if (end === 'accept' || (end === undefined && policy !== 'drop')) return [];
    const by = end === undefined ? 'policy drop' : end.by;
    const owner = ownerOf(ruleset, family, table);
    return [{ family, table, chain: name, by, isCertain: !walk.isUnsure, owner }];
  });
}

/** Undefined: the chain ended without a verdict. */
type End = 'accept' | { readonly by: string } | undefined;

class Walk {
  readonly #ruleset: Ruleset;
  readonly #packet: Packet;
  #jumps = 0;
  isUnsure = false;

  constructor(ruleset: Ruleset, packet: Packet) {
    this.#ruleset = ruleset;
    this.#packet = packet;
  }

  /** Undefined: fell off the end. */
  follow(chain: Chain): End {
    for (const rule of chain.rules) {
      const end = this.#apply(chain, rule);
      if (end === 'return') return undefined;
      if (end !== undefined) return end;
    }
    return undefined;
  }

  #apply(chain: Chain, rule: Rule): End | 'return' {
    const matches = rule.expressions.map((expression) => isMatch(expression, this.#packet));
    if (matches.includes(false)) return undefined;
    if (matches.includes(undefined)) {
      this.isUnsure ||= rule.expressions.some(hasVerdict);
      return undefined;
    }
    for (const expression of rule.expressions) {
      if ('accept' in expression) return 'accept';
      if ('return' in expression) return 'return';
      if ('drop' in expression || 'reject' in expression) {
        return { by: `rule ${rule.handle} of chain "${chain.name}"` };
      }
      const target = member(expression.jump ?? expression.goto, 'target');
      if (target !== undefined) {
        const end = this.#enter(chain, word(target) ?? '');
        if (end !== undefined || 'goto' in expression) return end ?? 'return';
      }
    }
    return undefined;
  }

  #enter({ family, table }: Chain, name: string): End {
    const target = this.#ruleset.get(keyOf(family, table, name));
    if (target === undefined || this.#jumps >= MAX_JUMPS) return undefined;
    this.#jumps++;
    const end = this.follow(target);
    this.#jumps--;
    return end;
  }
}

/** What decides; everything else (counters, logs, marks) lets the packet go on. */
function hasVerdict(expression: Expression): boolean {
  return ['accept', 'drop', 'reject', 'jump', 'goto', 'return', 'vmap', 'queue'].some(
    (name) => name in expression,
  );
}

/** Undefined: not known. True for what is no condition. */
function isMatch(expression: Expression, packet: Packet): boolean | undefined {
  if ('vmap' in expression || 'xt' in expression || 'queue' in expression) return undefined;
  const match = expression.match;
  if (match === undefined) return true;
  const header = word(member(member(member(match, 'left'), 'payload'), 'protocol'));
  if (OTHER_TRANSPORTS.includes(header ?? '')) return false;
  const actual = fieldOf(member(match, 'left'), packet);
  const isEqual = actual === undefined ? undefined : isAmong(actual, member(match, 'right'));
  return member(match, 'op') === '!=' && isEqual !== undefined ? !isEqual : isEqual;
}

function fieldOf(left: unknown, packet: Packet): string | undefined {
  const { incoming, outgoing, source, destination } = packet;
  const meta = word(member(member(left, 'meta'), 'key'));
  if (meta === 'iifname' || meta === 'iif') return incoming;
  if (meta === 'oifname' || meta === 'oif') return outgoing;
  if (meta === 'l4proto') return TRANSPORT;
  if (meta === 'nfproto') return source.includes(':') ? 'ipv6' : 'ipv4';
  if (word(member(member(left, 'ct'), 'key')) === 'state') return 'new';
  const payload = member(left, 'payload');
  if (!['ip', 'ip6'].includes(word(member(payload, 'protocol')) ?? '')) return undefined;
  const field = word(member(payload, 'field'));
  if (field === 'protocol' || field === 'nexthdr') return TRANSPORT;
  return field === 'saddr' ? source : field === 'daddr' ? destination : undefined;
}

/** Undefined where the right side is a named set, a range or something else not followed. */
function isAmong(actual: string, right: unknown): boolean | undefined {
  const elements = Array.isArray(right) ? right : member(right, 'set');
  if (elements !== undefined) {
    const answers = list(elements).map((element) => isAmong(actual, element));
    return answers.includes(true) ? true : answers.includes(undefined) ? undefined : false;
  }
  const prefix = member(right, 'prefix');
  const whole =
    prefix === undefined ? undefined : `${member(prefix, 'addr')}/${member(prefix, 'len')}`;
  const text = word(right) ?? whole;
  if (text === undefined || text.startsWith('@')) return undefined;
  const address = canonicalAddress(actual);
  if (address !== undefined) {
    const range = canonicalPrefix(text);
    return range === undefined ? undefined : contains(range, address);
  }
  return text.endsWith('*') ? actual.startsWith(text.slice(0, -1)) : actual === text;
}

function ownerOf(ruleset: Ruleset, family: string, table: string): Obstacle['owner'] {
  const has = (chain: string) => ruleset.has(keyOf(family, table, chain));
  if (has('DOCKER-USER')) return 'docker';
  if (has('ufw-user-forward') || has('ufw6-user-forward')) return 'ufw';
  return table === 'firewalld' ? 'firewalld' : 'unknown';
}

function keyOf(family: string, table: string, chain: string): string {
  return `${family} ${table} ${chain}`;
}

function member(value: unknown, name: string): unknown {
  const isObject = typeof value === 'object' && value !== null;
  return isObject ? (value as Readonly<Record<string, unknown>>)[name] : undefined; // checked
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
