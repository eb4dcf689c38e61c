import { createHash } from 'node:crypto';

import { expect, test } from '@jest/globals';

import type { AdminKey } from '../config/index.js';
import { digestOf, findAdmin, mayActAs } from './admin-keys.js';

function key(name: string, role: AdminKey['role'], text: string): AdminKey {
  return { name, role, sha256: createHash('sha256').update(text).digest() };
}

const keys = [key('ann', 'admin', 'first'), key('vera', 'viewer', 'second'), key('ann', 'admin', 'third')];

test('when a key is known, then its owner is found, whichever of the keys it is', () => {
  expect(findAdmin(keys, digestOf('second'))).toMatchObject({ name: 'vera', role: 'viewer' });
  expect(findAdmin(keys, digestOf('third'))).toMatchObject({ name: 'ann', role: 'admin' });
});

test('when a key is unknown, then nobody is found', () => {
  expect(findAdmin(keys, digestOf('First'))).toBeUndefined();
  expect(findAdmin([], digestOf('first'))).toBeUndefined();
});

test('when a role is asked for, then the same and the greater ones suffice', () => {
  expect(mayActAs('operator', 'viewer')).toBe(true);
  expect(mayActAs('operator', 'operator')).toBe(true);
  expect(mayActAs('operator', 'admin')).toBe(false);
});
