/**
 * The world with tunnels made by hand: shows that the lab carries packets and that the proof
 * can both hold and fail, before Culvert is asked to pass it.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Lab } from './lab.ts';
import { type Finding, prove, settle } from './proof.ts';
import { tunnelByHand } from './tunnels.ts';
import { createWorld, DRAWING, SITES, type World } from './world.ts';

let lab: Lab;
let world: World;

beforeAll(async () => {
  lab = await Lab.create('by-hand');
  world = await createWorld(lab);
});

afterAll(async () => {
  await lab?.destroy();
});

describe('prove()', () => {
  test('fails in every line about packets while nothing joins the sites', async () => {
    const findings = await prove(world);

    const held = findings.filter(({ holds }) => holds).map((finding) => describeFinding(finding));
    expect(held).toEqual([
      'absence of rules that translate addresses',
      'absence of flows to a site through its NAT',
    ]);
    await lab.machine('internet').run(['nft', 'reset', 'counters']);
  });

  test('holds in every line with WireGuard set up by hand', async () => {
    await tunnelByHand(world);
    await settle(world, { ms: 20_000 });

    const findings = await prove(world);

    expect(findings.filter(({ holds }) => !holds)).toEqual([]);
    expect(findings.length).toBe(6 * 2 * 5 + 3);
  });

  test('fails where a connector translates the source', async () => {
    const gateway = lab.machine('hq-gateway');
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
    expect(wrong.map((finding) => describeFinding(finding))).toEqual(
      expect.arrayContaining([
        'tcp ipv4 hq-1 to branch-2',
        'udp ipv4 hq-1 to branch-2',
        'icmp ipv4 hq-1 to branch-2',
        'call-back ipv4 branch-1 to hq-2',
        'absence of rules that translate addresses',
      ]),
    );
    expect(wrong.filter((finding) => describeFinding(finding).includes('ipv6'))).toEqual([]);
  });
});

describe('DRAWING', () => {
  test('shows every host with the address that it has', () => {
    for (const { name, ipv4, ipv6 } of SITES.flatMap(({ hosts }) => hosts)) {
      for (const text of [name, ipv4, ipv6]) expect(DRAWING).toContain(text);
    }
  });
});

function describeFinding(finding: Finding): string {
  if (finding.kind === 'absence') return `absence of ${finding.what}`;
  const { path, family } = finding;
  const probe = finding.kind === 'source' ? finding.probe : 'traceroute';
  return `${probe} ${family} ${path.from.name} to ${path.to.name}`;
}
