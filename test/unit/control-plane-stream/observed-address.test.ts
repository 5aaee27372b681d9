import { describe, expect, test } from 'vitest';
import { observedAddress } from '../../../control-plane/stream/observed-address.ts';

describe('observedAddress()', () => {
  test.each([
    ['198.51.100.7', '198.51.100.7'],
    ['10.1.0.1', '10.1.0.1'],
    ['::ffff:10.1.0.1', '10.1.0.1'],
    ['::FFFF:10.1.0.1', '10.1.0.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['fd00::1', 'fd00::1'],
  ])('takes "%s" as %s', (text, expected) => {
    expect(observedAddress(text)).toBe(expected);
  });

  test.each([
    '127.0.0.1',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:169.254.1.1',
    '169.254.1.1',
    'fe80::1%eth0',
    '224.0.0.5',
    '255.255.255.255',
    'ff02::1',
    'unknown',
    '',
  ])('learns nothing from "%s"', (text) => {
    expect(observedAddress(text)).toBeUndefined();
  });
});
