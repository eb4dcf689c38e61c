import { expect, test } from '@jest/globals';
import { orderChannel, queuePrefix, saleChannel, saleKey, saleKeys, stagedKey, stampField } from '../redis/index.js';

// Strings of a running system: another version must find what this one wrote.
test('when keys are made, then these are their exact strings', () => {
  expect(saleKeys.map((key) => saleKey('S', key))).toEqual([
    'sluice:{S}:sale',
    'sluice:{S}:stock',
    'sluice:{S}:buyers',
    'sluice:{S}:queued',
    'sluice:{S}:queued-at',
    'sluice:{S}:queued-by',
    'sluice:{S}:idem',
  ]);
  expect(stagedKey('S', 'T', 'buyers')).toBe('sluice:{S}:staged:T:buyers');
  expect([orderChannel, saleChannel, queuePrefix, stampField]).toEqual([
    'sluice:orders',
    'sluice:sales',
    '{sluice}',
    '',
  ]);
});
