/**
 * The world with tunnels made by hand: shows that the lab carries packets and that the proof
 * can both hold and fail, before Culvert is asked to pass it.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prove, settle } from './proof.ts';
import { tunnelByHand } from './tunnels.ts';
import { createWorld, DRAWING, SITES, type World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await createWorld('by-hand');
});

afterAll(async () => {
  await world?.lab.destroy();
});

describe('prove()', () => {
  test('fails in every line about packets while nothing joins the sites', async () => {
    const findings = await prove(world);

    const held = findings.filter(({ holds }) => holds).map(({ what }) => what);
    expect(new Set(held)).toEqual(new Set(['NAT rules', 'packets translated']));
    await world.lab.machine('internet').run(['nft', 'reset', 'counters']);
  });

  test('holds in every line with WireGuard set up by hand', async () => {
    await tunnelByHand(world);
    await settle(world, { ms: 20_000 });

    const findings = await prove(world);

    expect(findings.filter(({ holds }) => !holds)).toEqual([]);
    expect(findings.length).toBe(6 * 2 * 5 + 3);
  });

  test('fails where a connector translates the source', async () => {
    const gateway = world.lab.machine('hq-gateway');
    await gateway.run(['nft', '--file', '-'], {
      input: `table ip wrong {
        chain postrouting {
          type nat hook postrouting priority srcnat
          oifname wg0 ip saddr 10.1.0.0/16 snat to 100.64.0.1
        }
      }`,
    });

    const findings = await prove(world);

    await gateway.run(['nft', 'delete', 'table', 'ip', 'wrong']);
    const wrong = findings.filter(({ holds }) => !holds);
    expect(wrong.map(({ what, from }) => `${from}: ${what}`)).toEqual(
      expect.arrayContaining([
        'hq-1: TCP, IPv4',
        'hq-1: UDP, IPv4',
        'hq-1: ICMP, IPv4',
        'any machine: NAT rules',
      ]),
    );
    expect(wrong.filter(({ what }) => what.includes('IPv6'))).toEqual([]);
  });
});

describe('DRAWING', () => {
  test('shows every host with the address that it has', () => {
    for (const { name, ipv4, ipv6 } of SITES.flatMap(({ hosts }) => hosts)) {
      for (const text of [name, ipv4, ipv6]) expect(DRAWING).toContain(text);
    }
  });
});
