import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  endpointAddress,
  endpointPort,
  formatEndpoint,
  parseEndpoint,
} from '../../../protocol/endpoint.ts';
import { address } from '../../../protocol/net.ts';
import { anyAddress } from '../../fakes/arbitrary.ts';

describe('parseEndpoint()', () => {
  test.each([
    [''],
    ['198.51.100.1'],
    ['198.51.100.1:'],
    ['198.51.100.1:0'],
    ['198.51.100.1:65536'],
    ['198.51.100.1:051820'],
    ['198.51.100.1:+1'],
    ['[198.51.100.1]:51820'],
    ['2001:db8::1:51820'],
    ['[2001:db8::1]'],
    ['[2001:DB8::1]:51820'],
    ['[fe80::1%eth0]:51820'],
    ['hq.example:51820'],
    [' 198.51.100.1:51820'],
    ['198.51.100.1:51820\n'],
  ])('refuses "%s"', (text) => {
    const parsed = parseEndpoint(text);
    expect(parsed.ok).toBe(false);
    expect(parsed).toHaveProperty('message', expect.stringMatching(/expected|did you mean|stands/));
  });

  test('gives back what formatEndpoint() made, part by part', () => {
    fc.assert(
      fc.property(anyAddress(), fc.integer({ min: 1, max: 65_535 }), (at, port) => {
        const endpoint = formatEndpoint(at, port);
        expect(parseEndpoint(endpoint)).toEqual({ ok: true, value: endpoint });
        expect(endpointAddress(endpoint)).toBe(at);
        expect(endpointPort(endpoint)).toBe(port);
      }),
    );
  });

  test('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'[]:.0159af%') }), (text) => {
        const parsed = parseEndpoint(text);
        if (parsed.ok) expect(parsed.value).toBe(text);
        else expect(parsed.message).not.toBe('');
      }),
    );
  });
});

describe('formatEndpoint()', () => {
  test('throws on a port that is none', () => {
    for (const port of [0, 65_536, 1.5, Number.NaN]) {
      expect(() => formatEndpoint(address('10.1.0.1'), port)).toThrow(RangeError);
    }
  });
});
