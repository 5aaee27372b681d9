import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { firewallScript, parseTable, parseTables } from '../../../agent/kernel/firewall.ts';
import { UnreadableError } from '../../../agent/kernel/unreadable-error.ts';

const METAINFO = { metainfo: { version: '1.0.6', json_schema_version: 1 } };
const CHAIN = {
  family: 'inet',
  table: 'culvert',
  name: 'forward',
  type: 'filter',
  hook: 'forward',
  prio: -150,
  policy: 'accept',
};
const rule = (members: object) => ({ rule: { family: 'inet', chain: 'forward', ...members } });
const listing = (...objects: object[]) => JSON.stringify({ nftables: [METAINFO, ...objects] });

describe('parseTable()', () => {
  test('gives the ids of our rules in order, and "?" for what is not ours', () => {
    const text = listing(
      { table: { family: 'inet', name: 'culvert' } },
      { chain: CHAIN },
      rule({ comment: 'culvert:b', expr: [] }),
      rule({ expr: [] }),
      rule({ comment: 'by hand', expr: [] }),
      rule({ comment: 'culvert:a', expr: [] }),
      rule({ chain: 'other', comment: 'culvert:c', expr: [] }),
    );
    expect(parseTable(text)).toEqual(['b', '?', '?', 'a']);
  });

  test.each([
    ['there is no chain', []],
    ['the chain hangs on no hook', [{ chain: { name: 'forward' } }]],
    ['the chain drops', [{ chain: { ...CHAIN, policy: 'drop' } }]],
    ['the chain comes at another time', [{ chain: { ...CHAIN, prio: 0 } }]],
  ])('is undefined when %s', (_, objects) => {
    expect(parseTable(listing(...objects))).toBeUndefined();
  });

  test('throws nothing but its own error, whatever it reads', () => {
    const document = fc.oneof(
      fc.string(),
      fc.json(),
      fc.jsonValue().map((value) => JSON.stringify({ nftables: value })),
      fc
        .array(fc.jsonValue())
        .map((rules) => listing(...rules.map((r) => ({ rule: r, chain: r })))),
    );
    fc.assert(
      fc.property(document, (text) => {
        for (const parse of [parseTable, parseTables]) {
          try {
            parse(text);
          } catch (error) {
            expect(error).toBeInstanceOf(UnreadableError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('parseTables()', () => {
  test('gives family and name of every table', () => {
    const text = listing({ table: { family: 'ip', name: 'nat', handle: 1 } }, { chain: CHAIN });
    expect(parseTables(text)).toEqual([{ family: 'ip', name: 'nat' }]);
  });
});

describe('firewallScript()', () => {
  test('keeps the base chain, empties it and fills it, without deleting anything', () => {
    const rules = [{ chain: 'forward', text: 'tcp dport 22 accept', id: 'a1' } as const];
    expect(firewallScript(rules)).toBe(`table inet culvert {
  chain forward { type filter hook forward priority -150; policy accept; }
}
flush chain inet culvert forward
table inet culvert {
  chain forward {
    tcp dport 22 accept comment "culvert:a1"
  }
}
`);
  });
});
