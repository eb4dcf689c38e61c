import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { OrdersJob } from '../../src/queue/index.js';
import { buyer } from '../support/api-client.js';
import {
  endHold,
  expectStatus,
  inventoryOf,
  openSale,
  purchase,
  reconcile,
  times,
  writtenOrder,
} from '../support/given.js';
import { assertInvariants, Journal } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const patiently = { timeoutMs: 10_000 };

let system: System;
beforeAll(async () => {
  system = await startSystem({ workers: 0, reconcilers: 0 });
});
afterAll(() => system.stop());

async function loseJobs(redis: Redis): Promise<void> {
  await redis.del(await redis.keys('{sluice}:orders*'));
}

/** As a worker does that fails while its clock is two hours fast. */
async function putJobsOff(redis: Redis): Promise<void> {
  const jobs = await redis.lrange('{sluice}:orders:wait', 0, -1);
  await redis.del('{sluice}:orders:wait');
  const until = (Date.now() + 7_200_000) * 0x1000; // BullMQ's score: ms and a counter
  await redis.zadd('{sluice}:orders:delayed', ...jobs.flatMap((id) => [until, id]));
}

/** How many orders are named by jobs that wait. */
async function ordersInJobs(redis: Redis): Promise<number> {
  const jobs = await redis.lrange('{sluice}:orders:wait', 0, -1);
  const data = await Promise.all(jobs.map((id) => redis.hget(`{sluice}:orders:${id}`, 'data')));
  return data.reduce((sum, job) => sum + (JSON.parse(job ?? '{"orderIds":[]}') as OrdersJob).orderIds.length, 0);
}

test.each([
  ['lost', loseJobs],
  ['put off for hours by a wrong clock', putJobsOff],
])(
  'when the jobs of accepted orders are %s, then a reconciliation finds the orders and they are written',
  async (_, strike) => {
    const sale = await openSale(system.api, { capacities: [30] });
    const journal = new Journal();
    const answers = await Promise.all(times(30, (i) => purchase(system.api, sale, `buyer-${i}`)));
    for (const answer of answers) journal.note(expectStatus(202, answer).body);
    await until(async () => (await ordersInJobs(system.redis)) === 30);
    await strike(system.redis);
    const worker = await system.startNode('worker');
    // an order that is young may still be on its way
    expect(await reconcile(system.api)).toMatchObject({ requeued: 0, reloaded: 0 });
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 0, queued: 30 }]);

    let requeued = 0;
    await until(async () => (requeued += (await reconcile(system.api)).requeued) >= 30, {
      timeoutMs: 15_000,
      intervalMs: 100,
    });
    await Promise.all(
      answers.map(async ({ body: { id, buyerId } }) => {
        const order = expectStatus(200, await system.api.get(`${sale.orders}/${id}?wait=20`, buyer(buyerId))).body;
        journal.note(order);
        expect(order.status).toBe('reserved');
        const waitedMs = Date.parse(order.updatedAt) - Date.parse(order.createdAt);
        expect(waitedMs).toBeGreaterThanOrEqual(5000);
      }),
    );
    await assertInvariants(system, sale, { journal });
    await worker.close();
  },
);

test('when Redis loses everything, then passes go on, and the sale comes back from Postgres', async () => {
  await system.startNode('worker');
  await system.startNode('reconciler');
  const sale = await openSale(system.api, { capacities: [10] });
  const [kept, overdue] = await Promise.all(
    ['kept', 'overdue'].map((id) => writtenOrder(system.api, sale, id, { key: 'k', quantities: [2] })),
  );
  await endHold(system.sql, overdue?.id ?? '', 500);
  await system.redis.flushall();
  await until(
    async () => (await system.api.get(overdue?.path ?? '', buyer('overdue'))).body.status === 'expired',
    patiently,
  );
  const bought = await until(async () => {
    const answer = await purchase(system.api, sale, 'late', { key: 'k' });
    return answer.status === 202 && answer;
  }, patiently);
  expect(bought.headers['idempotency-replayed']).toBeUndefined();
  const replay = await purchase(system.api, sale, 'kept', { key: 'k', quantities: [2] });
  expect(replay).toMatchObject({ status: 202, body: { id: kept?.id, status: 'reserved' } });
  await assertInvariants(system, sale);
  expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 7, reserved: 3 }]);
});
