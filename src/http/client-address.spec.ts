import { describe, expect, test } from '@jest/globals';

import { addressBlock } from './client-address.js';

describe('addressBlock', () => {
  test.each([
    ['an IPv4 address', '192.0.2.7', '192.0.2.7'],
    ['IPv4 mapped to IPv6', '::ffff:192.0.2.7', '192.0.2.7'],
    ['the same in hexadecimal', '0:0:0:0:0:FFFF:c000:0207', '192.0.2.7'],
    ['an IPv6 address', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['another of its /64', '2001:0DB8:0001:2::1', '2001:db8:1:2::/64'],
    ['a neighbour', '2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['the loopback', '::1', '0:0:0:0::/64'],
    ['one with a zone', 'fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['one that ends in IPv4', '64:ff9b:1:2::192.0.2.7', '64:ff9b:1:2::/64'],
    ['IPv4 with a port', '192.0.2.7:4711', '192.0.2.7'],
    ['IPv6 with a port', '[2001:db8::7]:4711', '2001:db8:0:0::/64'],
  ])('when it is %s, then it counts for its block', (_, text, block) => {
    expect(addressBlock(text)).toBe(block);
  });

  test.each(['', 'unknown', '_hidden', '1.2.3', '1.2.3.4, 5.6.7.8', '[::1', '999.1.1.1:80'])(
    'when it is %j, then it is no address',
    (text) => {
      expect(addressBlock(text)).toBeNull();
    },
  );
});
