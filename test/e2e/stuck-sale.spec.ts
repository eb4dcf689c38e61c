import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Metrics } from '../../src/observability/index.js';
import { Queues } from '../../src/queue/index.js';
import { buyer } from '../support/api-client.js';
import { expectStatus, openSale, purchase, times, writtenOrder, type GivenSale } from '../support/given.js';
import { holdGate } from '../support/held-gate.js';
import { assertInvariants } from '../support/invariants.js';
import { postgresFaults } from '../support/postgres-faults.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

/** More than twice as many as a worker has in hand at once. */
const jobs = 120;
const crowd = 100;
/** What other sales' buyers may wait for, ms. */
const boundMs = 1000;

let system: System;
beforeAll(async () => {
  // without a reconciler: what a worker keeps in memory nobody else would bring
  system = await startSystem({ reconcilers: 0 });
});
afterEach(() => free());
afterAll(() => system.stop());

let free: () => Promise<void> = () => Promise.resolve();

/** Until it is freed, at the latest at the end of the test. */
async function hold(sale: GivenSale): Promise<void> {
  free = await holdGate(system.servers.databaseUrl, sale.id);
}

async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const startedAt = performance.now();
  return [await work, performance.now() - startedAt];
}

/** Orders of a sale, the first of which is in so many jobs at once that a worker has nothing else in hand. */
async function crowdInto(sale: GivenSale): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < crowd; i++) {
    ids.push(expectStatus(202, await purchase(system.api, sale, `crowd-${i}`)).body.id);
    if (i === 0)
      await system.nodes[0]?.get(Queues).addOrders(times(jobs, () => ({ saleId: sale.id, orderIds: [...ids] })));
  }
  return ids;
}

/** A gauge of the worker. */
async function workerFigure(name: string): Promise<number> {
  const text = (await system.nodes[1]?.get(Metrics).text()) ?? '';
  return Number(new RegExp(`^sluice_${name} (.*)$`, 'm').exec(text)?.[1]);
}

async function reservedIds(sale: GivenSale): Promise<string[]> {
  const text = `SELECT id FROM orders WHERE sale_id = $1 AND status = 'reserved' ORDER BY id`;
  return (await system.sql.query<{ id: string }>(text, [sale.id])).rows.map(({ id }) => id);
}

async function expectAllWritten(sale: GivenSale, ids: readonly string[]): Promise<void> {
  await until(async () => (await reservedIds(sale)).length >= ids.length, { timeoutMs: 15_000 });
  expect(await reservedIds(sale)).toEqual([...ids].sort());
  await until(async () => (await system.redis.zcard(`sluice:{${sale.id}}:queued-at`)) === 0);
  await assertInvariants(system, sale);
}

test("when a sale's gate is held, then another sale's orders are written at once, and its own when the gate is free", async () => {
  const stuck = await openSale(system.api, { capacities: [10_000] });
  const other = await openSale(system.api, { capacities: [10_000] });
  const early = await writtenOrder(system.api, stuck, 'early');
  await writtenOrder(system.api, other, 'early');
  await hold(stuck);
  const untilMs = performance.now() + 10_000;
  const coming = crowdInto(stuck);
  const waits: number[] = [];
  while (performance.now() < untilMs) {
    const [order, ms] = await timed(writtenOrder(system.api, other, `b-${waits.length}`));
    expect(order.status).toBe('reserved');
    waits.push(ms);
  }
  const ids = await coming;
  expect(await reservedIds(stuck)).toEqual([early.id]);
  expect(await workerFigure('stuck_sales')).toBe(1);
  expect(await workerFigure('stuck_orders')).toBe(crowd);
  expect(Math.max(...waits)).toBeLessThan(boundMs);
  await free();
  await expectAllWritten(stuck, [early.id, ...ids]);
  await until(async () => (await workerFigure('stuck_sales')) === 0);
  expect((await writtenOrder(system.api, stuck, 'late')).status).toBe('reserved');
  await assertInvariants(system, other);
});

test('when PostgreSQL goes away while a sale is stuck, then its orders are written when it is back', async () => {
  const stuck = await openSale(system.api, { capacities: [10_000] });
  const faults = postgresFaults(system.servers.databaseUrl);
  await hold(stuck);
  const ids = await crowdInto(stuck);
  await until(async () => (await workerFigure('stuck_orders')) === crowd);
  await faults.refuse(); // the gate goes with its connection
  await until(() => system.log.some((line) => line.includes('orders of a stuck sale are tried again')));
  await faults.heal();
  await expectAllWritten(stuck, ids);
});

test("when a crowd cancels in a sale whose gate is held, then each hears so soon, and another sale's buyers confirm and cancel", async () => {
  const stuck = await openSale(system.api, { capacities: [10_000] });
  const other = await openSale(system.api, { capacities: [10_000] });
  const held = await Promise.all(times(40, (i) => writtenOrder(system.api, stuck, `crowd-${i}`)));
  const kept = await Promise.all(times(20, (i) => writtenOrder(system.api, other, `b-${i}`)));
  await hold(stuck);
  const cancels = held.map(({ path }, i) => timed(system.api.post(`${path}/cancel`, buyer(`crowd-${i}`))));
  const waits: number[] = [];
  for (const [i, { path }] of kept.entries()) {
    const step = i % 2 === 0 ? 'confirm' : 'cancel';
    const [answer, ms] = await timed(system.api.post(`${path}/${step}`, buyer(`b-${i}`)));
    expectStatus(200, answer);
    waits.push(ms);
  }
  for (const [answer, ms] of await Promise.all(cancels)) {
    expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' }, headers: { 'retry-after': '1' } });
    expect(ms).toBeLessThan(3000);
  }
  expect(Math.max(...waits)).toBeLessThan(boundMs);
  await free();
  for (const [i, { path }] of held.entries()) {
    expectStatus(200, await system.api.post(`${path}/cancel`, buyer(`crowd-${i}`)));
  }
  for (const sale of [stuck, other]) await assertInvariants(system, sale);
});

test('when PostgreSQL refuses an order of a stuck sale, then its five attempts are made all the same', async () => {
  const stuck = await openSale(system.api, { capacities: [10_000] });
  await system.sql.query(`ALTER TABLE orders ADD CONSTRAINT refused CHECK (buyer_id <> 'dead')`);
  await hold(stuck);
  expectStatus(202, await purchase(system.api, stuck, 'dead'));
  const ids = await crowdInto(stuck);
  await until(async () => (await workerFigure('stuck_orders')) === crowd + 1);
  await free();
  await until(async () => (await reservedIds(stuck)).length === ids.length, { timeoutMs: 15_000 });
  const reconciler = await system.startNode('reconciler');
  const dead = 'SELECT 1 FROM dead_letters WHERE sale_id = $1 AND attempts = 5';
  await until(async () => (await system.sql.query(dead, [stuck.id])).rowCount === 1, { timeoutMs: 60_000 });
  await reconciler.close();
  await system.sql.query('ALTER TABLE orders DROP CONSTRAINT refused');
});

test('when a worker ends while a sale is stuck, then it does not wait for what it keeps, and the next one writes it', async () => {
  const stuck = await openSale(system.api, { capacities: [10_000] });
  await hold(stuck);
  const ids = await crowdInto(stuck);
  await until(async () => (await workerFigure('stuck_orders')) === crowd);
  // one wait for the gate, as long as ever, and what a busy machine adds
  const [, ms] = await timed(system.nodes[1]?.close() ?? Promise.resolve());
  expect(ms).toBeLessThan(9000);
  await free();
  await system.startNode('worker,reconciler');
  await until(async () => (await reservedIds(stuck)).length === ids.length, { timeoutMs: 60_000 });
  await assertInvariants(system, stuck);
});
