import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { option121, returnRouteCommands } from '../../../agent/return-route.ts';
import { address, type Prefix, prefix } from '../../../protocol/net.ts';

const REMOTE = [prefix('10.1.0.0/16'), prefix('10.2.0.0/16'), prefix('fd00:1::/64')];

const linesOf = (system: string, via = '10.3.0.2', prefixes: readonly Prefix[] = REMOTE) =>
  returnRouteCommands({
    prefixes,
    via: address(via),
    defaultGateway: address(via.includes(':') ? 'fd00:3::1' : '10.3.0.1'),
  }).find((commands) => commands.system === system)?.lines;

describe('option121()', () => {
  // The examples of RFC 3442, "Classless Route Option Format": subnet and mask to descriptor.
  test.each([
    ['0.0.0.0/0', [0]],
    ['10.0.0.0/8', [8, 10]],
    ['10.0.0.0/24', [24, 10, 0, 0]],
    ['10.17.0.0/16', [16, 10, 17]],
    ['10.27.129.0/24', [24, 10, 27, 129]],
    ['10.229.0.128/25', [25, 10, 229, 0, 128]],
    ['10.198.122.47/32', [32, 10, 198, 122, 47]],
  ])('encodes %s as the RFC does', (text, descriptor) => {
    const bytes = option121([{ prefix: prefix(text), via: address('192.168.1.254') }]);

    expect([...bytes]).toEqual([...descriptor, 192, 168, 1, 254]);
  });

  test('puts routes one behind the other, none of them aligned', () => {
    const bytes = option121([
      { prefix: prefix('0.0.0.0/0'), via: address('10.3.0.1') },
      { prefix: prefix('10.1.0.0/16'), via: address('10.3.0.2') },
    ]);

    expect([...bytes]).toEqual([0, 10, 3, 0, 1, 16, 10, 1, 10, 3, 0, 2]);
  });

  test('can be read back by the letter of the RFC', () => {
    const anyRoute = fc
      .tuple(fc.nat(0xff_ff_ff_ff), fc.integer({ min: 0, max: 32 }), fc.nat(0xff_ff_ff_ff))
      .map(([bits, length, via]) => ({
        prefix: prefix(
          `${dotted(length === 0 ? 0 : (bits & (-1 << (32 - length))) >>> 0)}/${length}`,
        ),
        via: address(dotted(via)),
      }));

    fc.assert(
      fc.property(fc.array(anyRoute, { maxLength: 20 }), (routes) => {
        expect(readBack([...option121(routes)])).toEqual(
          routes.map((route) => `${route.prefix} ${route.via}`),
        );
      }),
    );
  });

  test('refuses IPv6, which DHCPv4 cannot carry', () => {
    const ipv6 = { prefix: prefix('fd00:1::/64'), via: address('fd00:3::2') };
    expect(() => option121([ipv6])).toThrow(RangeError);
  });
});

describe('returnRouteCommands()', () => {
  test('has one entry for each kind of gateway', () => {
    const systems = returnRouteCommands({
      prefixes: REMOTE,
      via: address('10.3.0.2'),
      defaultGateway: address('10.3.0.1'),
    }).map(({ system }) => system);

    expect(systems).toEqual([
      'Linux',
      'netplan',
      'VyOS',
      'OPNsense',
      'MikroTik',
      'AWS',
      'GCP',
      'Azure',
      'DHCP option 121',
    ]);
  });

  test('leads only prefixes of the family of the next hop', () => {
    expect(linesOf('Linux')).toEqual([
      'ip route replace 10.1.0.0/16 via 10.3.0.2',
      'ip route replace 10.2.0.0/16 via 10.3.0.2',
    ]);
    expect(linesOf('Linux', 'fd00:3::2')).toEqual(['ip route replace fd00:1::/64 via fd00:3::2']);
    expect(linesOf('Linux', 'fd00:3::2', [prefix('10.1.0.0/16')])).toBeUndefined();
  });

  test('speaks the language of each system, in both families', () => {
    expect(linesOf('VyOS')?.[1]).toBe('set protocols static route 10.1.0.0/16 next-hop 10.3.0.2');
    expect(linesOf('VyOS', 'fd00:3::2')?.[1]).toBe(
      'set protocols static route6 fd00:1::/64 next-hop fd00:3::2',
    );
    expect(linesOf('MikroTik')?.[0]).toBe('/ip route add dst-address=10.1.0.0/16 gateway=10.3.0.2');
    expect(linesOf('MikroTik', 'fd00:3::2')?.[0]).toBe(
      '/ipv6 route add dst-address=fd00:1::/64 gateway=fd00:3::2',
    );
    expect(linesOf('AWS')?.at(-1)).toContain('--destination-cidr-block 10.2.0.0/16');
    expect(linesOf('AWS', 'fd00:3::2')?.at(-1)).toContain('--destination-ipv6-cidr-block fd00:1::');
    expect(linesOf('GCP')?.[0]).toBe(
      'gcloud compute routes create culvert-10-1-0-0-16 --network <network> ' +
        '--destination-range 10.1.0.0/16 --next-hop-address 10.3.0.2',
    );
    expect(linesOf('Azure', 'fd00:3::2')?.at(-1)).toContain('--name culvert-fd00-1-64 ');
    expect(linesOf('OPNsense')).toContain(
      'until the next restart: route -4 add -net 10.1.0.0/16 10.3.0.2',
    );
    expect(linesOf('netplan')).toContain('        - to: "10.2.0.0/16"');
  });

  test('keeps the default route of hosts that learn the routes by DHCP', () => {
    expect(linesOf('DHCP option 121', '10.3.0.2', [prefix('10.1.0.0/16')])).toEqual([
      'dnsmasq: dhcp-option=121,0.0.0.0/0,10.3.0.1,10.1.0.0/16,10.3.0.2',
      'any server: option 121, 12 bytes, 00:0a:03:00:01:10:0a:01:0a:03:00:02',
    ]);
    const unknown = returnRouteCommands({ prefixes: REMOTE, via: address('10.3.0.2') });
    expect(unknown.map(({ system }) => system)).not.toContain('DHCP option 121');
  });

  test('says when a DHCP option does not hold them all', () => {
    const many = Array.from({ length: 40 }, (_, index) => prefix(`10.${index}.0.0/16`));
    expect(linesOf('DHCP option 121', '10.3.0.2', many)?.at(-1)).toContain('RFC 3396');
  });
});

/** An independent reading of the option: byte by byte, as the RFC describes it. */
function readBack(bytes: number[]): string[] {
  const routes: string[] = [];
  while (bytes.length > 0) {
    const length = bytes.shift() ?? 0;
    const significant = bytes.splice(0, Math.ceil(length / 8));
    const [a = 0, b = 0, c = 0, d = 0] = significant;
    routes.push(`${a}.${b}.${c}.${d}/${length} ${bytes.splice(0, 4).join('.')}`);
  }
  return routes;
}

function dotted(bits: number): string {
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
}
