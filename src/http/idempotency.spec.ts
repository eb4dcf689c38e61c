import { describe, expect, test } from '@jest/globals';

import { bodyHash, idempotencyField, idempotencyKeyOf } from './idempotency.js';

describe('bodyHash', () => {
  const hashOf = (json: string): string => bodyHash(JSON.parse(json));

  test('when bodies are equal after parsing, then so are their hashes', () => {
    expect(hashOf('{"a":{"x":1.0,"y":[1,2]},"b":"\\u0041"}')).toBe(hashOf('{ "b":"A", "a":{"y":[1,2e0],"x":1} }'));
    expect(bodyHash({ a: 1, b: undefined })).toBe(hashOf('{"a":1}'));
    expect(hashOf('{"a":-0}')).toBe(hashOf('{"a":0}'));
  });

  test.each([
    ['{"a":1}', '{"a":"1"}'],
    ['{"a":[1,2]}', '{"a":[2,1]}'],
    ['{"a":null}', '{}'],
    ['{"a":{}}', '{"a":[]}'],
    ['{"a":"b","c":"d"}', '{"a":"b\\",\\"c\\":\\"d"}'],
  ])('when they are not, as %s and %s, then neither are their hashes', (one, other) => {
    expect(hashOf(one)).not.toBe(hashOf(other));
  });

  test('when a body is hashed, then the hash is 16 bytes in base64url', () => {
    expect(bodyHash({})).toBe('RBNvo1WzZ4oRRq0W9-hkng');
  });
});

describe('idempotencyField', () => {
  test('when buyer and key only look alike if joined, then their fields differ', () => {
    expect(idempotencyField('a', 'b:c')).not.toBe(idempotencyField('a:b', 'c'));
    expect(idempotencyField('a', 'b')).toMatch(/^[\w-]{22}$/);
  });
});

describe('idempotencyKeyOf', () => {
  const keyOf = (...keys: string[]): string | undefined =>
    idempotencyKeyOf({
      headers: keys.length === 0 ? {} : { 'idempotency-key': keys.join(', ') },
      rawHeaders: keys.flatMap((key) => ['Idempotency-Key', key]),
    });

  test('when there is none, then there is none', () => {
    expect(keyOf()).toBeUndefined();
  });

  test.each([' ', '~', 'x'.repeat(255)])('when it is %p, then it is taken as it is', (key) => {
    expect(keyOf(key)).toBe(key);
  });

  test.each(['', 'x'.repeat(256), 'é', 'a\tb', 'a\n'])('when it is %p, then it is refused', (key) => {
    expect(() => keyOf(key)).toThrow('Idempotency-Key');
  });

  test('when it is there twice, then it is refused', () => {
    expect(() => keyOf('a', 'a')).toThrow('once');
  });
});
