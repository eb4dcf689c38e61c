import { describe, expect, test } from '@jest/globals';

import { Bucket, Policy } from './bucket.js';

const tenASecond = new Policy('buyer', { capacity: 10, windowMs: 1000 });

describe('a bucket', () => {
  test('when it is emptied, then it lacks until a token is back, and says when', () => {
    const bucket = new Bucket('b', tenASecond, 0);
    for (let i = 0; i < 10; i++) {
      expect(bucket.lacks(1, 0)).toBe(false);
      bucket.take(1, 0);
    }
    expect(bucket.lacks(1, 99)).toBe(true);
    expect(bucket.waitMs(1, 40)).toBeCloseTo(60, 3);
    expect(bucket.lacks(1, 100)).toBe(false);
    expect(bucket.lacks(10, 1000)).toBe(false);
    expect(bucket.lacks(11, 5000)).toBe(true);
  });

  test('when Redis has less, since other nodes took, then this node knows; what is under way counts as taken', () => {
    const bucket = new Bucket('b', tenASecond, 0);
    bucket.take(1, 0);
    bucket.take(1, 0);
    bucket.answered(1, 3, 0, 0);
    expect(bucket.header(0)).toBe('"buyer";r=2;t=1');
    bucket.answered(1, 2, 0, 0);
    expect(bucket.header(0)).toBe('"buyer";r=2;t=1');
  });

  test('when Redis answers late, then what came back since it was asked is not refused', () => {
    const bucket = new Bucket('b', tenASecond, 0);
    bucket.take(1, 0);
    bucket.answered(1, 0, 0, 100);
    expect(bucket.lacks(1, 100)).toBe(false);
  });

  test('when Redis does not answer, then what was taken stays taken', () => {
    const bucket = new Bucket('b', tenASecond, 0);
    bucket.take(10, 0);
    bucket.unanswered(10);
    expect(bucket.lacks(1, 0)).toBe(true);
  });

  test('when it owes, then it owes no more than it can hold', () => {
    const bucket = new Bucket('b', tenASecond, 0);
    bucket.owe(1000, 0);
    expect(bucket.waitMs(1, 0)).toBeCloseTo(1100, 3);
    expect(bucket.header(0)).toBe('"buyer";r=0;t=2');
  });
});

test.each([
  [1000, '"ip";q=5;w=1'],
  [3_600_000, '"ip";q=5;w=3600'],
  [500, '"ip";q=5'],
  [1500, '"ip";q=5'],
])('when the window is %d ms, then the policy names it in whole seconds or not at all', (windowMs, header) => {
  expect(new Policy('ip', { capacity: 5, windowMs }).header).toBe(header);
});
