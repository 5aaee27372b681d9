import { describe, expect, test } from 'vitest';
import { obstacles, type Packet, parseRuleset } from '../../../agent/forward-filter.ts';
import { address } from '../../../protocol/net.ts';

/** From hq's LAN into the tunnel. */
const PACKET: Packet = {
  incoming: 'lan0',
  outgoing: 'culvert0',
  source: address('10.1.0.10'),
  destination: address('10.2.0.10'),
};

const accept = { accept: null };
const drop = { drop: null };
const match = (left: object, right: unknown, op = '==') => ({ match: { op, left, right } });
const meta = (key: string) => ({ meta: { key } });
const ip = (field: string) => ({ payload: { protocol: 'ip', field } });

describe('obstacles()', () => {
  test('names a chain of another that drops what nobody accepts', () => {
    expect(found([chain({ policy: 'drop' })])).toEqual([
      {
        family: 'ip',
        table: 'filter',
        chain: 'FORWARD',
        by: 'policy drop',
        isCertain: true,
        owner: 'unknown',
      },
    ]);
  });

  test('leaves our own table, other hooks and the other family alone', () => {
    expect(
      found([
        chain({ policy: 'drop', table: 'culvert', family: 'inet' }),
        chain({ policy: 'drop', hook: 'input' }),
        chain({ policy: 'drop', family: 'ip6' }),
      ]),
    ).toEqual([]);
  });

  test.each([
    ['everything', []],
    ['the interface', [match(meta('oifname'), 'culvert0')]],
    ['TCP', [match(meta('l4proto'), { set: ['tcp', 'udp'] })]],
    ['the interface by a wildcard', [match(meta('oifname'), 'culvert*')]],
    ['another interface, denied', [match(meta('iifname'), 'docker0', '!=')]],
    ['the addresses', [match(ip('saddr'), { prefix: { addr: '10.1.0.0', len: 16 } })]],
    ['one of several', [match(ip('daddr'), { set: ['10.9.0.1', '10.2.0.10'] })]],
    ['new connections', [match({ ct: { key: 'state' } }, ['established', 'new'], 'in')]],
  ])('is content with a rule that accepts %s', (_, matches) => {
    const rules = [rule([...matches, { counter: {} }, accept])];
    expect(found([chain({ policy: 'drop' }), ...rules])).toEqual([]);
  });

  test.each([
    ['established ones', [match({ ct: { key: 'state' } }, ['established', 'related'], 'in')]],
    ['another interface', [match(meta('iifname'), 'docker0')]],
    ['ICMP', [match({ payload: { protocol: 'icmp', field: 'type' } }, 'echo-request')]],
    ['UDP', [match(meta('l4proto'), 'udp'), { xt: null }]],
    ['UDP by the IP header', [match(ip('protocol'), 'udp')]],
    ['another prefix', [match(ip('daddr'), { prefix: { addr: '10.3.0.0', len: 16 } })]],
  ])('is not content with a rule that accepts %s', (_, matches) => {
    const objects = [chain({ policy: 'drop' }), rule([...matches, accept])];
    expect(found(objects)).toMatchObject([{ by: 'policy drop', isCertain: true }]);
  });

  test.each([
    ['a port', [match({ payload: { protocol: 'tcp', field: 'dport' } }, 22)]],
    ['an extension', [{ xt: null }]],
    ['a named set', [match(ip('saddr'), '@friends')]],
  ])('is not certain behind a rule that accepts %s', (_, matches) => {
    const objects = [chain({ policy: 'drop' }), rule([...matches, accept])];
    expect(found(objects)).toMatchObject([{ isCertain: false }]);
  });

  test('names the rule that drops or rejects, whatever the policy', () => {
    const objects = [chain({ policy: 'accept' }), rule([drop], 'FORWARD', 7)];
    expect(found(objects)).toMatchObject([{ by: 'rule 7 of chain "FORWARD"' }]);
    const rejecting = [chain({ policy: 'accept' }), rule([{ reject: null }], 'FORWARD', 8)];
    expect(found(rejecting)).toMatchObject([{ by: 'rule 8 of chain "FORWARD"' }]);
  });

  test('follows jumps and comes back, and knows Docker by its chain', () => {
    const jump = { jump: { target: 'DOCKER-USER' } };
    const docker = [chain({ policy: 'drop' }), plain('DOCKER-USER'), rule([jump])];

    expect(found([...docker, rule([{ return: null }], 'DOCKER-USER')])).toMatchObject([
      { by: 'policy drop', owner: 'docker' },
    ]);
    expect(found([...docker, rule([accept], 'DOCKER-USER')])).toEqual([]);
    const endless = [...docker, rule([jump], 'DOCKER-USER')];
    expect(found(endless)).toHaveLength(1);
  });

  test('does not come back from a goto', () => {
    const goto = { goto: { target: 'ufw-user-forward' } };
    const objects = [chain({ policy: 'drop' }), plain('ufw-user-forward'), rule([goto])];
    expect(found([...objects, rule([accept])])).toMatchObject([{ owner: 'ufw' }]);
  });
});

const found = (nftables: readonly object[]) =>
  obstacles(parseRuleset(JSON.stringify({ nftables })), PACKET);

function chain({ family = 'ip', table = 'filter', hook = 'forward', policy = 'accept' }) {
  return { chain: { family, table, name: 'FORWARD', type: 'filter', hook, prio: 0, policy } };
}

function plain(name: string) {
  return { chain: { family: 'ip', table: 'filter', name } };
}

function rule(expr: readonly object[], name = 'FORWARD', handle = 1) {
  return { rule: { family: 'ip', table: 'filter', chain: name, handle, expr } };
}
