import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddressMessage } from '../../../agent/kernel/address.ts';
import { parseLink } from '../../../agent/kernel/link.ts';
import { addressBytes, parseMessage, readAddress } from '../../../agent/kernel/netlink.ts';
import { hasNetAdmin } from '../../../agent/kernel/preconditions.ts';
import { parseRoute } from '../../../agent/kernel/route.ts';
import { UnreadableError } from '../../../agent/kernel/unreadable-error.ts';
import { anyAddress } from '../../fakes/arbitrary.ts';

// Messages as the kernel sends them, on a little-endian machine (the only ones Culvert has).
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const text = (value: string) => Buffer.from(`${value}\0`);
const attribute = (type: number, ...content: readonly Buffer[]) => {
  const data = Buffer.concat(content);
  const head = Buffer.alloc(4);
  head.writeUInt16LE(4 + data.length, 0);
  head.writeUInt16LE(type, 2);
  return Buffer.concat([head, data, Buffer.alloc(-data.length & 3)]);
};
const rtmsg = (family: number, length: number, protocol: number, type: number, table = 254) =>
  Buffer.from([family, length, 0, 0, table, protocol, 0, type, 0, 0, 0, 0]);

const route = (family: 4 | 6, ...parts: readonly Buffer[]) =>
  parseRoute(parseMessage(Buffer.concat(parts), 12), family);

describe('parseLink()', () => {
  test('reads name, alias, kind, MTU and whether the link is up', () => {
    const header = Buffer.concat([Buffer.alloc(4), u32(7), u32(0x1043), u32(0)]);
    const message = Buffer.concat([
      header,
      attribute(3, text('culvert0')),
      attribute(4, u32(1420)),
      attribute(20, text('culvert:net_a')),
      attribute(0x8000 | 18, attribute(1, text('wireguard'))),
    ]);
    expect(parseLink(parseMessage(message, 16))).toEqual({
      index: 7,
      name: 'culvert0',
      alias: 'culvert:net_a',
      kind: 'wireguard',
      mtuBytes: 1420,
      isUp: true,
    });
  });
});

describe('parseAddressMessage()', () => {
  test("takes our end of a point-to-point link, and not the other's", () => {
    const header = Buffer.concat([Buffer.from([2, 32, 0, 0]), u32(7)]);
    const message = Buffer.concat([
      header,
      attribute(1, Buffer.from([10, 0, 0, 2])),
      attribute(2, Buffer.from([10, 0, 0, 1])),
    ]);
    expect(parseAddressMessage(parseMessage(message, 8))).toEqual({
      index: 7,
      address: '10.0.0.1',
      length: 32,
    });
  });
});

describe('parseRoute()', () => {
  const TEN = attribute(1, Buffer.from([10, 1, 0, 0]));

  test('reads a route through a link, with metric and source', () => {
    const source = attribute(7, Buffer.from([10, 9, 0, 1]));
    const read = route(
      4,
      rtmsg(2, 16, 121, 1),
      TEN,
      attribute(4, u32(7)),
      attribute(6, u32(121)),
      source,
    );
    expect(read).toEqual({
      prefix: '10.1.0.0/16',
      kind: 'device',
      protocol: 121,
      metric: 121,
      index: 7,
      source: '10.9.0.1',
    });
  });

  test('reads the metric of a backstop without a sign', () => {
    const read = route(4, rtmsg(2, 16, 121, 7), TEN, attribute(6, u32(4_000_000_000)));
    expect(read).toMatchObject({ kind: 'unreachable', metric: 4_000_000_000, index: undefined });
  });

  test.each([
    ['through a gateway', 5, 'gateway'],
    ['over several next hops', 9, 'gateway'],
  ])('tells a route %s', (_, number, kind) => {
    expect(route(4, rtmsg(2, 0, 3, 1), attribute(number, u32(1)))).toMatchObject({
      kind,
      prefix: '0.0.0.0/0',
      metric: 0,
    });
  });

  test('leaves out other tables, other families and what the kernel cloned', () => {
    const cloned = rtmsg(2, 16, 0, 1);
    cloned.writeUInt32LE(0x200, 8);
    expect(route(4, rtmsg(2, 16, 2, 2, 255), TEN)).toBeUndefined();
    expect(route(4, rtmsg(2, 16, 2, 1), TEN, attribute(15, u32(51_820)))).toBeUndefined();
    expect(route(6, rtmsg(2, 16, 121, 1), TEN)).toBeUndefined();
    expect(route(4, cloned, TEN)).toBeUndefined();
  });

  test('calls a route that neither forwards nor refuses "other"', () => {
    expect(route(4, rtmsg(2, 16, 3, 6), TEN)).toMatchObject({ kind: 'other' }); // blackhole
  });
});

describe('readAddress()', () => {
  test('is the reverse of addressBytes()', () => {
    fc.assert(
      fc.property(anyAddress(), (address) => {
        expect(readAddress(addressBytes(address))).toBe(address);
      }),
    );
  });
});

describe('parsers of netlink messages', () => {
  test('throw nothing but their own error, whatever they read', () => {
    const attributes = fc.array(
      fc
        .tuple(fc.nat({ max: 32 }), fc.uint8Array({ maxLength: 20 }))
        .map(([type, data]) => attribute(type, Buffer.from(data))),
    );
    const header = fc.tuple(
      fc.constantFrom(2, 10, 0),
      fc.uint8Array({ minLength: 15, maxLength: 15 }),
    );
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(header, attributes)
        .map(([[family, rest], parts]) =>
          Buffer.concat([Buffer.from([family, ...rest]), ...parts]),
        ),
    );
    fc.assert(
      fc.property(message, fc.constantFrom(8, 12, 16), (bytes, headerBytes) => {
        const parsers = { 8: parseAddressMessage, 12: parseRouteEither, 16: parseLink };
        try {
          parsers[headerBytes as keyof typeof parsers](parseMessage(bytes, headerBytes));
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('hasNetAdmin()', () => {
  test('finds the capability among the effective ones', () => {
    expect(hasNetAdmin('Name:\tnode\nCapPrm:\t0\nCapEff:\t0000000000001000\n')).toBe(true);
    expect(hasNetAdmin('CapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffefff\n')).toBe(false);
    expect(() => hasNetAdmin('Name:\tnode\n')).toThrow(UnreadableError);
  });
});

function parseRouteEither(message: Parameters<typeof parseRoute>[0]) {
  return parseRoute(message, 4) ?? parseRoute(message, 6);
}
