import { isIP } from 'node:net';
import { containsCidr, mergeCidr, overlapCidr, parseCidr } from 'cidr-tools';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  address,
  addressAt,
  addressCount,
  canonicalAddress,
  canonicalPrefix,
  comparePrefixes,
  contains,
  familyOf,
  formatAddress,
  formatPrefix,
  hostPrefix,
  networkAddress,
  networkMask,
  overlaps,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefix,
  prefixLength,
  prefixOf,
} from '../../../protocol/net.ts';
import { anyAddress, denseAddress, densePrefix, family } from '../../fakes/arbitrary.ts';
import { bitString, prefixBitString } from '../../fakes/slow-prefix-table.ts';

describe('parseAddress()', () => {
  test.each([
    ['10.1.0.1'],
    ['0.0.0.0'],
    ['255.255.255.255'],
    ['::'],
    ['::1'],
    ['fd00::1'],
    ['2001:db8:0:1:1:1:1:1'], // RFC 5952 §4.2.2: one zero group is not shortened
    ['2001:0:0:1::1'], // RFC 5952 §4.2.3: the longest run
    ['2001:db8::1:0:0:1'], // RFC 5952 §4.2.3: of two equal runs the first
    ['::ffff:192.0.2.1'], // RFC 5952 §5
  ])('accepts the canonical "%s"', (text) => {
    expect(parseAddress(text)).toEqual({ ok: true, value: text });
  });

  test.each([
    ['FD00::1', 'fd00::1'],
    ['fd00:0::1', 'fd00::1'],
    ['fd00::0001', 'fd00::1'],
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001::1:0:0:1', '2001::1:0:0:1'],
    ['::10.0.0.1', '::a00:1'],
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
  ])('names the canonical form of "%s"', (text, canonical) => {
    const parsed = parseAddress(text);
    if (text === canonical) expect(parsed).toEqual({ ok: true, value: canonical });
    else expect(parsed).toMatchObject({ ok: false, message: expect.stringContaining(canonical) });
  });

  test.each([
    [''],
    ['10.1.0'],
    ['10.1.0.01'],
    ['10.1.0.256'],
    ['10.1.0.1 '],
    ['0x0a.1.0.1'],
    ['167837697'],
    ['::1%eth0'],
    ['1::2::3'],
    ['1:2:3:4:5:6:7'],
    ['1:2:3:4:5:6:7:8:9'],
    ['1.2.3.4::'],
    ['[::1]'],
    ['10.1.0.1/32'],
    ['hq.example'],
  ])('refuses "%s" and says what is expected', (text) => {
    expect(parseAddress(text)).toMatchObject({
      ok: false,
      message: expect.stringContaining('expected one like'),
    });
  });

  test('accepts exactly one spelling of an address, the one that URLs use', () => {
    fc.assert(
      fc.property(anyAddress(), (canonical) => {
        expect(parseAddress(canonical)).toEqual({ ok: true, value: canonical });
        if (isMapped(canonical)) expect(canonical).toMatch(/^::ffff:\d+\.\d+\.\d+\.\d+$/);
        else expect(canonical).toBe(asUrlHost(canonical));
      }),
    );
  });
});

describe('canonicalAddress()', () => {
  test('reads what node:net takes for an address, and nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(anySpelling(), nearlyAddress()), (text) => {
        const isAddress = isIP(text) !== 0 && !text.includes('%');
        expect(canonicalAddress(text) !== undefined).toBe(isAddress);
      }),
      { numRuns: 2000 },
    );
  });

  test('gives every spelling of an address one form', () => {
    fc.assert(
      fc.property(anySpelling(), (text) => {
        const canonical = canonicalAddress(text) ?? '';
        expect(bitString(canonical)).toBe(bitString(text));
        expect(canonicalAddress(canonical)).toBe(canonical);
      }),
    );
  });
});

describe('parsePrefix()', () => {
  test.each([
    ['10.1.0.0/16'],
    ['0.0.0.0/0'],
    ['10.1.0.1/32'],
    ['::/0'],
    ['fd00:1::/64'],
    ['::1/128'],
  ])('accepts the canonical "%s"', (text) => {
    expect(parsePrefix(text)).toEqual({ ok: true, value: text });
  });

  test.each([
    ['10.0.0.1/8', '"10.0.0.1/8" has host bits set; did you mean 10.0.0.0/8'],
    ['fd00:1::1/64', '"fd00:1::1/64" has host bits set; did you mean fd00:1::/64'],
    ['FD00:1::/64', '"FD00:1::/64" is not canonical; did you mean fd00:1::/64'],
    ['10.1.0.0', '"10.1.0.0" has no prefix length; for one address write 10.1.0.0/32'],
    ['10.1.0.0/33', '"10.1.0.0/33" has a bad prefix length; expected 0 to 32 for IPv4'],
    ['10.1.0.0/08', '"10.1.0.0/08" has a bad prefix length; expected 0 to 32 for IPv4'],
    ['10.1.0.0/', '"10.1.0.0/" has a bad prefix length; expected 0 to 32 for IPv4'],
    ['10.1.0.0/16/16', '"10.1.0.0/16/16" has a bad prefix length; expected 0 to 32 for IPv4'],
    ['10.1.0.0/1e1', '"10.1.0.0/1e1" has a bad prefix length; expected 0 to 32 for IPv4'],
    ['fd00::/129', '"fd00::/129" has a bad prefix length; expected 0 to 128 for IPv6'],
    ['hq/16', '"hq/16" is not an IP prefix; expected one like 10.1.0.0/16 or fd00:1::/64'],
  ])('refuses "%s" in one sentence', (text, message) => {
    expect(parsePrefix(text)).toEqual({ ok: false, message });
  });

  test('accepts an address with a length exactly when the host bits are zero', () => {
    fc.assert(
      fc.property(family().chain(addressAndLength), ([text, length]) => {
        const hostBits = bitString(text).slice(length);
        const parsed = parsePrefix(`${text}/${length}`);
        expect(parsed.ok).toBe(!hostBits.includes('1'));
        if (!parsed.ok) expect(parsePrefix(parsed.message.split(' ').at(-1) ?? '').ok).toBe(true);
      }),
    );
  });
});

describe('canonicalPrefix()', () => {
  test.each([
    ['10.1.2.3/16', '10.1.0.0/16'],
    ['10.1.2.3', '10.1.2.3/32'],
    ['::10.0.0.1/128', '::a00:1/128'],
    ['10.0.0.0/08', '10.0.0.0/8'],
  ])('reads "%s" as %s', (text, canonical) => {
    expect(canonicalPrefix(text)).toBe(canonical);
  });

  test.each([['10.0.0.0/'], ['10.0.0.0/ 8'], ['10.0.0.0/0x8'], ['10.0.0.0/8/8'], ['x/8'], ['']])(
    'finds no prefix in "%s"',
    (text) => {
      expect(canonicalPrefix(text)).toBeUndefined();
    },
  );
});

describe('contains() and overlaps()', () => {
  test('agree with cidr-tools and with bit strings', () => {
    fc.assert(
      fc.property(twoPrefixes(), ([a, b]) => {
        const isSameFamily = familyOf(a) === familyOf(b);
        const isInside = isSameFamily && prefixBitString(b).startsWith(prefixBitString(a));
        expect(contains(a, b)).toBe(isInside);
        expect(contains(a, b)).toBe(containsCidr(a, b));
        expect(overlaps(a, b)).toBe(overlapCidr(a, b));
        expect(overlaps(a, b)).toBe(overlaps(b, a));
      }),
      { numRuns: 1000 },
    );
  });

  test('contain what a merge of the two by cidr-tools does not grow by', () => {
    // IPv4 only: cidr-tools 9.1.1 merges ["::/1", "1000::/7"] to ["::/4", "1000::/7"].
    fc.assert(
      fc.property(densePrefix(4), densePrefix(4), (a, b) => {
        const merged = mergeCidr([a, b]);
        expect(merged.length === 1 && merged[0] === a).toBe(contains(a, b));
      }),
    );
  });

  test('contains() takes an address as its host prefix', () => {
    fc.assert(
      fc.property(densePrefix(4), denseAddress(4), (outer, inner) => {
        expect(contains(outer, inner)).toBe(contains(outer, hostPrefix(inner)));
        expect(contains(outer, inner)).toBe(containsCidr(outer, inner));
      }),
    );
  });
});

describe('addressAt() and addressCount()', () => {
  test('give the first and last address that cidr-tools gives', () => {
    fc.assert(
      fc.property(fc.oneof(densePrefix(4), densePrefix(6)), (value) => {
        const { start, end } = parseCidr(value);
        const count = addressCount(value);
        expect(count).toBe(end - start + 1n);
        expect(addressAt(value, 0n)).toBe(networkAddress(value));
        expect(BigInt(`0b${bitString(addressAt(value, count - 1n))}`)).toBe(end);
      }),
    );
  });

  test('addressAt() throws outside the prefix', () => {
    const lan = prefix('10.1.0.0/24');
    expect(() => addressAt(lan, 256n)).toThrow(RangeError);
    expect(() => addressAt(lan, -1n)).toThrow(RangeError);
  });
});

describe('comparePrefixes()', () => {
  test('orders by family, then number, then length, whatever the order it is given', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(densePrefix(4), densePrefix(6))), (prefixes) => {
        const sorted = prefixes.toSorted(comparePrefixes);
        expect(sorted).toEqual(prefixes.toReversed().sort(comparePrefixes));
        const padded = sorted.map((value) => {
          const bits = prefixBitString(value).padEnd(128, '0');
          return `${familyOf(value)} ${bits} ${`${prefixLength(value)}`.padStart(3, '0')}`;
        });
        expect(padded).toEqual(padded.toSorted());
      }),
    );
  });
});

describe('prefixOf(), hostPrefix(), networkAddress()', () => {
  test('keep exactly the leading bits', () => {
    fc.assert(
      fc.property(family().chain(addressAndLength), ([text, length]) => {
        const value = prefixOf(text, length);
        expect(prefixBitString(value)).toBe(bitString(text).slice(0, length));
        expect(parsePrefix(value)).toEqual({ ok: true, value });
        expect(networkAddress(hostPrefix(text))).toBe(text);
      }),
    );
  });
});

describe('what a bug would hand over', () => {
  test('is thrown back as RangeError', () => {
    expect(() => address('10.1.0.1/8')).toThrow(RangeError);
    expect(() => prefix('10.1.0.1/8')).toThrow(RangeError);
    expect(() => prefixOf(address('10.1.0.1'), 33)).toThrow(RangeError);
    expect(() => networkMask(4, 1.5)).toThrow(RangeError);
    expect(() => formatAddress(4, 1n << 32n)).toThrow(RangeError);
    expect(() => formatAddress(6, -1n)).toThrow(RangeError);
    expect(() => formatPrefix({ family: 4, bits: 1n, length: 24 })).toThrow(RangeError);
  });
});

function isMapped(text: string): boolean {
  return (
    familyOf(address(text)) === 6 &&
    bitString(text).startsWith(`${'0'.repeat(80)}${'1'.repeat(16)}`)
  );
}

/** The URL standard's form: RFC 5952 §4 without its §5. */
function asUrlHost(text: string): string {
  const isIpv6 = text.includes(':');
  const { hostname } = new URL(`http://${isIpv6 ? `[${text}]` : text}/`);
  return isIpv6 ? hostname.slice(1, -1) : hostname;
}

/** Valid spellings that are mostly not canonical. */
function anySpelling(): fc.Arbitrary<string> {
  const hex = anyAddress().map((text) => {
    if (!text.includes(':')) return text;
    const groups = bitString(text).match(/.{16}/g) ?? [];
    return groups.map((bits) => Number.parseInt(bits, 2).toString(16)).join(':');
  });
  const padded = hex.map((text) =>
    text.includes(':') ? text.replace(/[0-9a-f]+/g, (group) => group.padStart(4, '0')) : text,
  );
  const loud = anyAddress().map((text) => text.toUpperCase());
  const dotted = padded.map((text) =>
    text.replace(/([0-9a-f]{4}):([0-9a-f]{4})$/, (_, high: string, low: string) =>
      [high.slice(0, 2), high.slice(2), low.slice(0, 2), low.slice(2)]
        .map((byte) => Number.parseInt(byte, 16))
        .join('.'),
    ),
  );
  return fc.oneof(anyAddress(), fc.ipV4(), fc.ipV6(), hex, padded, loud, dotted);
}

/** One character away from an address, or made of its characters only. */
function nearlyAddress(): fc.Arbitrary<string> {
  const character = fc.constantFrom(...'0123456789abfF:.x%/ ');
  const edited = fc
    .tuple(anySpelling(), fc.nat({ max: 40 }), fc.nat({ max: 1 }), character)
    .map(([text, at, gone, put]) => text.slice(0, at) + put + text.slice(at + gone));
  return fc.oneof(edited, fc.string({ unit: character, maxLength: 20 }), fc.string());
}

function addressAndLength(of: 4 | 6) {
  return fc.tuple(denseAddress(of), fc.nat({ max: of === 4 ? 32 : 128 }));
}

function twoPrefixes(): fc.Arbitrary<[Prefix, Prefix]> {
  const either = fc.oneof(densePrefix(4), densePrefix(6));
  const related = family().chain((of) => fc.tuple(densePrefix(of), densePrefix(of)));
  return fc.oneof(fc.tuple(either, either), related, related);
}
