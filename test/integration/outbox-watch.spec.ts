import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DeadLetterRepository } from '../../src/orders/index.js';
import { OutboxWatch } from '../../src/orders/outbox-watch.js';
import { AdminQueries } from '../../src/postgres/index.js';
import { saleKey } from '../../src/redis/index.js';
import { startBackend } from '../support/backend.js';
import { times } from '../support/given.js';
import { draftOf } from '../support/loaded-sale.js';
import { until } from '../support/until.js';

let backend: Awaited<ReturnType<typeof startBackend>>;

beforeAll(async () => {
  backend = await startBackend();
});

afterAll(() => backend.stop());

function newWatch(): OutboxWatch {
  return new OutboxWatch(backend.stock, new DeadLetterRepository(backend.database, new AdminQueries(backend.database)));
}

test('when orders come and go between two looks, then those that went make the drain rate', async () => {
  const sale = await backend.openSale({ capacities: [1000] });
  const orders = times(100, (i) => draftOf(sale, { buyerId: `b${i}` }));
  for (const order of orders) await backend.stock.reserve(sale.id, order);
  const watch = newWatch();
  expect(await watch.look([sale.id], Infinity)).toMatchObject({ orders: 100, drainedPerSecond: 0 });
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 200));
  await backend.persist.execute(
    sale.id,
    orders.slice(0, 60).map(({ id }) => id),
  );
  for (let i = 0; i < 10; i++) await backend.stock.reserve(sale.id, draftOf(sale, { buyerId: `late${i}` }));
  const seen = await watch.look([sale.id], Infinity);
  const seconds = (performance.now() - startedAt) / 1000;
  expect(seen.orders).toBe(50);
  expect(seen.oldestMs).toBeGreaterThanOrEqual(200);
  expect(seen.drainedPerSecond).toBeGreaterThan(0.8 * (60 / seconds));
  expect(seen.drainedPerSecond).toBeLessThan(1.2 * (60 / seconds));
});

test('when one of two sales is not written, then each has its own age and drain rate', async () => {
  const sales = [await backend.openSale({ capacities: [100] }), await backend.openSale({ capacities: [100] })] as const;
  const [stuck, flowing] = sales;
  const orders = times(10, (i) => draftOf(flowing, { buyerId: `b${i}` }));
  await backend.stock.reserve(stuck.id, draftOf(stuck));
  for (const order of orders) await backend.stock.reserve(flowing.id, order);
  const watch = newWatch();
  const ids = sales.map(({ id }) => id);
  await watch.look(ids, Infinity);
  await backend.persist.execute(
    flowing.id,
    orders.map(({ id }) => id),
  );
  const seen = await watch.look(ids, Infinity);
  expect(seen.sales.get(stuck.id)).toMatchObject({ orders: 1, oldestMs: seen.oldestMs, drainedPerSecond: 0 });
  expect(seen.sales.get(flowing.id)).toMatchObject({ orders: 0, oldestMs: 0 });
  expect(seen.sales.get(flowing.id)?.drainedPerSecond).toBeCloseTo(seen.drainedPerSecond, 5);
  expect(seen.drainedPerSecond).toBeGreaterThan(0);
});

test('when the oldest order is a dead letter, then the next one tells how long buyers wait', async () => {
  const sale = await backend.openSale({ capacities: [1000] });
  const [dead, alive] = [draftOf(sale, { buyerId: 'dead' }), draftOf(sale, { buyerId: 'alive' })];
  for (const order of [dead, alive]) await backend.stock.reserve(sale.id, order);
  await backend.client.zadd(saleKey(sale.id, 'queued-at'), Date.now() - 60_000, dead.id);
  await backend.sql(`INSERT INTO dead_letters (id, sale_id, payload, error, attempts) VALUES ($1, $2, '', '', 5)`, [
    dead.id,
    sale.id,
  ]);
  const watch = newWatch();
  expect((await watch.look([sale.id], 5000)).oldestMs).toBeGreaterThan(50_000);
  await until(async () => (await watch.look([sale.id], 5000)).oldestMs < 50_000);
});
