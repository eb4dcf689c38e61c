import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { Failures, Metrics } from '../../src/observability/index.js';
import { OrderIntake } from '../../src/orders/index.js';
import { Queues, type OrdersJob } from '../../src/queue/index.js';
import { RedisServer } from '../../src/redis/index.js';
import { times } from '../support/given.js';
import { startTestRedis, type TestRedis } from '../support/servers.js';
import { until } from '../support/until.js';

interface Call {
  readonly atMs: number;
  readonly jobs: readonly OrdersJob[];
}

/** The real queue, as slow as a test wants it. */
class WatchedQueues extends Queues {
  readonly calls: Call[] = [];
  slowMs = 0;
  isAway = false;

  override async addOrders(jobs: readonly OrdersJob[]): Promise<void> {
    this.calls.push({ atMs: performance.now(), jobs });
    if (this.isAway) throw new Error('away');
    if (this.slowMs > 0) await delay(this.slowMs);
    await super.addOrders(jobs);
  }
}

let server: TestRedis;
let redis: RedisServer;
let queues: WatchedQueues;
let intake: OrderIntake;
let metrics: Metrics;

beforeAll(async () => {
  server = await startTestRedis({ appendfsync: 'no' });
  redis = new RedisServer([server.url], () => undefined);
  await redis.open();
  queues = new WatchedQueues(redis, () => undefined);
  await until(() => queues.oldestOrdersJobAt().then(() => true));
});

beforeEach(() => {
  queues.calls.length = 0;
  queues.slowMs = 0;
  queues.isAway = false;
  metrics = new Metrics();
  intake = new OrderIntake(queues, metrics, new Failures(metrics));
});

afterAll(async () => {
  await queues.close();
  redis.close();
  await server.remove();
});

function sent(): string[] {
  return queues.calls.flatMap(({ jobs }) => jobs.flatMap(({ orderIds }) => orderIds));
}

test('when a node is idle, then an order is handed over at once', async () => {
  intake.enqueue('sale', 'order');
  expect(sent()).toEqual(['order']);
  await intake.flush();
});

test('when orders come in a burst, then jobs and calls are bounded, and each order is handed over once', async () => {
  const ids = times(12_345, () => newId());
  for (const id of ids) intake.enqueue('sale', id);
  await intake.flush();
  expect(sent().sort()).toEqual(ids.sort());
  for (const { jobs } of queues.calls) {
    expect(jobs.length).toBeLessThanOrEqual(10);
    for (const { orderIds } of jobs) expect(orderIds.length).toBeLessThanOrEqual(500);
    expect(JSON.stringify(jobs).length).toBeLessThan(256 * 1024);
  }
});

test('when orders cannot be handed over, then that is counted, and logged once', async () => {
  queues.isAway = true;
  const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
  for (const id of ['first', 'second']) {
    intake.enqueue('sale', id);
    await intake.flush();
  }
  expect(await metrics.text()).toContain('sluice_background_failures_total{work="intake",code="error"} 2');
  expect(warn.mock.calls).toMatchObject([[{ msg: expect.stringMatching(/^intake failed/), err: expect.any(Error) }]]);
  warn.mockRestore();
});

test('when the queue answers slowly, then an order waits for no more than 10 ms, and for a busy event loop', async () => {
  queues.slowMs = 300;
  const enqueuedAt = new Map<string, number>();
  const until1s = performance.now() + 1000;
  let latestMs = 0;
  while (performance.now() < until1s) {
    const id = newId();
    enqueuedAt.set(id, performance.now());
    intake.enqueue('sale', id);
    const startedAt = performance.now();
    await delay(1);
    latestMs = Math.max(latestMs, performance.now() - startedAt - 1);
  }
  await intake.flush();
  const waits = queues.calls.flatMap(({ atMs, jobs }) =>
    jobs.flatMap(({ orderIds }) => orderIds.map((id) => atMs - (enqueuedAt.get(id) ?? NaN))),
  );
  expect(waits).toHaveLength(enqueuedAt.size);
  // each of the two timers of a wait may be as late as the latest of ours
  expect(Math.max(...waits)).toBeLessThan(10 + 2 * (latestMs + 2));
});
