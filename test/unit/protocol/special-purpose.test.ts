import { overlapCidr } from 'cidr-tools';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prefix, prefixLength } from '../../../protocol/net.ts';
import { SPECIAL_PURPOSE_RANGES, whyNotASitePrefix } from '../../../protocol/special-purpose.ts';
import { densePrefix } from '../../fakes/arbitrary.ts';

describe('whyNotASitePrefix()', () => {
  test.each([
    ['10.0.0.0/8'],
    ['172.16.0.0/12'],
    ['192.168.1.0/24'],
    ['100.64.0.0/10'],
    ['8.8.8.0/24'],
    ['fd00:1::/64'],
    ['2a00:1450::/32'],
  ])('lets %s be a site', (text) => {
    expect(whyNotASitePrefix(prefix(text))).toBeUndefined();
  });

  test.each([
    ['0.0.0.0/0', 'every address'],
    ['::/0', 'every address'],
    ['0.0.0.0/1', '0.0.0.0/8'],
    ['127.0.0.1/32', 'loopback'],
    ['169.254.169.254/32', 'link-local'],
    ['203.0.113.0/25', 'documentation'],
    ['224.0.0.0/3', 'multicast'],
    ['255.255.255.255/32', 'broadcast'],
    ['::1/128', 'loopback'],
    ['::ffff:10.0.0.0/104', 'IPv4-mapped'],
    ['fe80::/64', 'link-local'],
    ['ff02::/16', 'multicast'],
    ['2001:db8:1::/48', 'documentation'],
  ])('refuses %s and names the range', (text, name) => {
    expect(whyNotASitePrefix(prefix(text))).toContain(name);
  });

  test('refuses exactly what cidr-tools finds to meet a range of the table', () => {
    const ranges = SPECIAL_PURPOSE_RANGES.map((range) => `${range.prefix}`);
    fc.assert(
      fc.property(fc.oneof(densePrefix(4), densePrefix(6)), (value) => {
        const isSpecial = prefixLength(value) === 0 || overlapCidr(ranges, value);
        expect(whyNotASitePrefix(value) !== undefined).toBe(isSpecial);
      }),
    );
  });
});

describe('SPECIAL_PURPOSE_RANGES', () => {
  test('names a source for every range, and no range twice', () => {
    expect(SPECIAL_PURPOSE_RANGES.length).toBeGreaterThan(20);
    for (const { source } of SPECIAL_PURPOSE_RANGES) expect(source).toMatch(/^RFC \d+/);
    const prefixes = SPECIAL_PURPOSE_RANGES.map((range) => range.prefix);
    expect(new Set(prefixes).size).toBe(prefixes.length);
  });
});
