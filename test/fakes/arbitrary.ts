/**
 * Random values of the protocol's types for property tests. Addresses and prefixes are
 * dense: they come from few roots, so that two of them often meet.
 *
 * @module
 */
import fc from 'fast-check';
import type { Entry } from '../../protocol/configuration.ts';
import { formatEndpoint } from '../../protocol/endpoint.ts';
import { type PublicKey, parsePublicKey } from '../../protocol/keys.ts';
import { type Name, parseName } from '../../protocol/name.ts';
import {
  ADDRESS_BITS,
  type Address,
  type Family,
  formatAddress,
  type Prefix,
  prefixOf,
} from '../../protocol/net.ts';
import { expectParsed } from '../../protocol/parsed.ts';

const ROOTS: Readonly<Record<Family, readonly bigint[]>> = {
  4: [0x0a000000n, 0xc0a80000n],
  6: [0xfd00n << 112n, 0x20010db8n << 96n, 0n],
};

export function family(): fc.Arbitrary<Family> {
  return fc.constantFrom<Family>(4, 6);
}

/** Near one of a few roots: the root with up to four of its bits turned. */
export function denseAddress(of: Family): fc.Arbitrary<Address> {
  const bit = fc.nat({ max: ADDRESS_BITS[of] - 1 });
  return fc
    .tuple(fc.constantFrom(...ROOTS[of]), fc.array(bit, { maxLength: 4 }))
    .map(([root, turned]) =>
      formatAddress(
        of,
        turned.reduce((bits, place) => bits ^ (1n << BigInt(place)), root),
      ),
    );
}

/** Anywhere; IPv6 with many zero groups, which is where its spelling is difficult. */
export function anyAddress(): fc.Arbitrary<Address> {
  const group = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat({ max: 0xffff }));
  const ipv6 = fc
    .array(group, { minLength: 8, maxLength: 8 })
    .map((groups) => groups.reduce((bits, value) => (bits << 16n) | BigInt(value), 0n));
  return fc.oneof(
    fc.nat({ max: 0xffffffff }).map((bits) => formatAddress(4, BigInt(bits))),
    ipv6.map((bits) => formatAddress(6, bits)),
    fc.nat({ max: 0xffffffff }).map((bits) => formatAddress(6, (0xffffn << 32n) | BigInt(bits))),
  );
}

export function densePrefix(of: Family): fc.Arbitrary<Prefix> {
  const length = fc.nat({ max: ADDRESS_BITS[of] });
  return fc.tuple(denseAddress(of), length).map(([address, bits]) => prefixOf(address, bits));
}

export function publicKey(): fc.Arbitrary<PublicKey> {
  return fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .filter((bytes) => bytes.some((byte) => byte !== 0))
    .map((bytes) => expectParsed(parsePublicKey(Buffer.from(bytes).toString('base64'))));
}

/** One of a few, so that keys of entries meet. */
export function fewNames(): fc.Arbitrary<Name> {
  return fc.constantFrom('hq', 'branch', 'cloud').map((text) => expectParsed(parseName(text)));
}

/** An entry of a configuration; keys meet often and contents differ. */
export function entry(): fc.Arbitrary<Entry> {
  const network = fc.constantFrom('a', 'b').map((letter) => `net_${letter.repeat(20)}`);
  const keys = ['A', 'B', 'C'].map((letter) =>
    expectParsed(parsePublicKey(`${letter.repeat(42)}E=`)),
  );
  const key = fc.constantFrom(...keys);
  const prefix = fc.oneof(densePrefix(4), densePrefix(6));
  const port = fc.integer({ min: 1, max: 65_535 });
  const endpoint = fc.tuple(anyAddress(), port).map(([at, number]) => formatEndpoint(at, number));
  const addresses = fc.array(denseAddress(4), { minLength: 1, maxLength: 2 });
  const [site, connector] = [fewNames(), fewNames()];
  return fc.oneof(
    fc.record({ kind: fc.constant('local' as const), network, prefix }),
    fc.record({ kind: fc.constant('route' as const), network, prefix, site, via: key }),
    fc.record(
      {
        kind: fc.constant('peer' as const),
        network,
        publicKey: key,
        site,
        connector,
        overlayAddresses: addresses,
        endpoint,
        keepaliveSeconds: fc.nat({ max: 65_535 }),
      },
      {
        requiredKeys: [
          ...(['kind', 'network', 'publicKey', 'site', 'connector'] as const),
          ...(['overlayAddresses', 'keepaliveSeconds'] as const),
        ],
      },
    ),
    fc.record({
      kind: fc.constant('interface' as const),
      network,
      networkName: fewNames(),
      site,
      connector,
      addresses,
      overlayPrefixes: fc.array(densePrefix(6), { minLength: 1, maxLength: 2 }),
      listenPort: port,
      mtuBytes: fc.integer({ min: 1280, max: 9000 }),
    }),
  );
}
