import { expect, test } from '@jest/globals';
import { bucketOf, quantileMs } from './index.js';

function countsOf(times: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const ms of times) counts.set(bucketOf(ms), (counts.get(bucketOf(ms)) ?? 0) + 1);
  return counts;
}

test.each([0.2, 1, 7.3, 48, 1234, 60_000])('when all took %d ms, then every quantile is that, by 5 %', (ms) => {
  for (const share of [0.01, 0.5, 0.99, 1]) {
    const told = quantileMs(countsOf([ms, ms, ms]), share) ?? 0;
    expect(Math.abs(told - ms) / ms).toBeLessThan(0.05);
  }
});

test('when one in a hundred is slow, then the median does not know and the last per cent does', () => {
  const counts = countsOf([...Array<number>(99).fill(2), 500]);
  expect(quantileMs(counts, 0.5)).toBeLessThan(2.2);
  expect(quantileMs(counts, 0.99)).toBeLessThan(2.2);
  expect(quantileMs(counts, 0.995)).toBeGreaterThan(450);
});

test('when there is nothing, or only what is out of bounds, then null or the bound is told', () => {
  expect(quantileMs(new Map(), 0.5)).toBeNull();
  expect(quantileMs(countsOf([0]), 0.5)).toBe(0.1);
  expect(quantileMs(countsOf([-1]), 0.5)).toBe(0.1);
  expect(quantileMs(countsOf([1e9]), 0.5)).toBeGreaterThan(100_000);
});
