import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { startTestRedis, type TestRedis } from '../../test/support/servers.js';
import { until } from '../../test/support/until.js';
import { limitKey, RedisServer, runScript } from '../redis/index.js';
import { takeTokens, type TakenTokens } from './take-tokens.script.js';

let server: TestRedis;
let redis: RedisServer;
beforeAll(async () => {
  server = await startTestRedis();
  redis = new RedisServer([server.url], () => undefined);
  await redis.open();
});
afterAll(async () => {
  redis.close();
  await server.remove();
});

interface Given {
  readonly policies: readonly (readonly [capacity: number, windowMs: number])[];
  readonly buckets: readonly number[];
  readonly draws: readonly (readonly number[])[];
}

let subjects = 0;
/** Keys that nobody else has. */
function newKeys(count: number): string[] {
  return Array.from({ length: count }, () => limitKey('buyer', `subject-${(subjects += 1)}`));
}

function take(keys: readonly string[], input: Given): Promise<TakenTokens> {
  return runScript(redis.client, takeTokens, '', [JSON.stringify(input)], keys);
}

const hourMs = 3_600_000;

test('when the keys are named, then all are of one slot and under the prefix of the rest', () => {
  expect([limitKey('global'), limitKey('ip', '192.0.2.7'), limitKey('buyer', 'ann:{b}')]).toEqual([
    'sluice:{limits}:global',
    'sluice:{limits}:ip:192.0.2.7',
    'sluice:{limits}:buyer:ann:{b}',
  ]);
});

test('when a burst comes in one call, then exactly the capacity passes, in order', async () => {
  const draws = Array.from({ length: 30 }, () => [1, 1]);
  const { refusedBy, left } = await take(newKeys(1), { policies: [[20, hourMs]], buckets: [1], draws });
  expect(refusedBy).toEqual([...Array<number>(20).fill(0), ...Array<number>(10).fill(1)]);
  expect(left).toEqual([0]);
});

test('when one bucket lacks, then none is taken from, and the first that lacks is named', async () => {
  const keys = newKeys(3);
  const input = {
    policies: [
      [5, hourMs],
      [2, hourMs],
    ] as const,
    buckets: [1, 2, 1],
  };
  const draws = [
    [1, 1, 2, 3],
    [1, 1, 2, 3],
    [1, 1, 2, 3],
    [1, 1, 3],
    [6, 1, 2],
  ];
  const { refusedBy, left } = await take(keys, { ...input, draws });
  expect(refusedBy).toEqual([0, 0, 2, 0, 1]);
  expect(left).toEqual([2, 0, 2]);
  expect(await take(keys, { ...input, draws: [] })).toEqual({ refusedBy: [], left: [2, 0, 2] });
});

test('when time goes by, then tokens come back evenly, never more than the capacity', async () => {
  const keys = newKeys(1);
  const input = { policies: [[100, 1000]] as const, buckets: [1] };
  await take(keys, { ...input, draws: [[100, 1]] });
  const startedAt = performance.now();
  const middle = await until(async () => {
    const [left = 0] = (await take(keys, { ...input, draws: [] })).left;
    return left >= 40 && { left, afterMs: performance.now() - startedAt };
  });
  expect(Math.abs(middle.left - middle.afterMs / 10)).toBeLessThan(10);
  await until(async () => (await take(keys, { ...input, draws: [] })).left[0] === 100);
});

test('when a bucket is full again, then its key is gone; one that gave nothing has none', async () => {
  const keys = newKeys(2);
  const input = { policies: [[10, 1000]] as const, buckets: [1, 1] };
  await take(keys, {
    ...input,
    draws: [
      [1, 1],
      [11, 2],
    ],
  });
  const ttlMs = await redis.client.pttl(keys[0] ?? '');
  expect(ttlMs).toBeGreaterThan(50);
  expect(ttlMs).toBeLessThanOrEqual(100);
  expect(await redis.client.exists(keys[1] ?? '')).toBe(0);
  await until(async () => (await redis.client.exists(keys[0] ?? '')) === 0);
});

test('when a debt is taken, then it is taken whatever is left, once the capacity at the most', async () => {
  const keys = newKeys(1);
  const input = { policies: [[4, hourMs]] as const, buckets: [1] };
  expect(
    await take(keys, {
      ...input,
      draws: [
        [-6, 1],
        [1, 1],
      ],
    }),
  ).toEqual({ refusedBy: [0, 1], left: [-2] });
  expect((await take(keys, { ...input, draws: [[-100, 1]] })).left).toEqual([-4]);
});

test('when a limit changes, then what was taken stays taken', async () => {
  const keys = newKeys(1);
  await take(keys, { policies: [[10, hourMs]], buckets: [1], draws: [[4, 1]] });
  expect((await take(keys, { policies: [[5, hourMs]], buckets: [1], draws: [] })).left).toEqual([5]);
  expect((await take(keys, { policies: [[50, hourMs]], buckets: [1], draws: [] })).left[0]).toBeCloseTo(6, 1);
});

test('when tokens are taken, then nothing of it goes to disk', async () => {
  const sizeOf = async (): Promise<string | undefined> =>
    /aof_current_size:(\d+)/.exec(await redis.client.info('persistence'))?.[1];
  const before = await sizeOf();
  await take(newKeys(100), {
    policies: [[10, hourMs]],
    buckets: Array<number>(100).fill(1),
    draws: Array.from({ length: 100 }, (_, i) => [1, i + 1]),
  });
  expect(await sizeOf()).toBe(before);
});
