import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import type { OrdersJob } from '../../src/queue/index.js';
import { Reconcile, type Reconciliation } from '../../src/reconciliation/reconcile.js';
import { ReloadSale } from '../../src/sales/index.js';
import { admin } from '../support/api-client.js';
import { expectStatus, openSale, purchase, times, type GivenSale } from '../support/given.js';
import { assertInvariants } from '../support/invariants.js';
import { postgresFaults } from '../support/postgres-faults.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const slowMs = 120_000;
const patiently = { timeoutMs: 60_000 };
const hourMs = 3_600_000;
/** the promise: every pass visits every sale within that time, whatever one sale does */
const visitMs = 5000;

let system: System;
beforeAll(async () => {
  system = await startSystem({ workers: 0, reconcilers: 0, env: { QUEUE_MAX_LAG_MS: String(hourMs) } }); // orders are made to look old
});
afterAll(() => system.stop());

/** A sale that is sold out to buyers who hold their tickets for an hour, one each; Redis knows. */
async function heldSale(holds: number): Promise<GivenSale> {
  const sale = await openSale(system.api, { capacities: [holds] });
  await system.sql.query(
    `WITH made AS (
       INSERT INTO orders (id, sale_id, buyer_id, status, total_minor, currency, answers, max_per_buyer, hold_expires_at, created_at, updated_at)
       SELECT gen_random_uuid(), $1, 'crowd-' || n, 'reserved', 1000, 'EUR', '{}', 4, now() + interval '1 hour', now(), now()
       FROM generate_series(1, ${holds}) n RETURNING id, buyer_id
     ), items AS (
       INSERT INTO order_items (order_id, ticket_type_id, position, quantity, unit_price_minor) SELECT id, $2, 0, 1, 1000 FROM made
     ), totals AS (INSERT INTO buyer_totals (sale_id, buyer_id, tickets) SELECT $1, buyer_id, 1 FROM made)
     UPDATE ticket_types SET taken = ${holds} WHERE id = $2`,
    [sale.id, sale.types[0]],
  );
  await loseStock(sale);
  await node().get(ReloadSale, { strict: false }).mend(sale.id);
  expect(await available(sale)).toBe(0);
  return sale;
}

function node(): System['nodes'][number] {
  const [first] = system.nodes;
  if (first === undefined) throw new Error('no node');
  return first;
}

/** One reconciliation, without the audit log, which a PostgreSQL that only reads cannot write. */
async function pass(): Promise<Reconciliation> {
  return until(() => node().get(Reconcile, { strict: false }).unlessRunning());
}

function loseStock(sale: GivenSale): Promise<unknown> {
  return system.redis.del(`sluice:{${sale.id}}:stock`);
}

async function available(sale: GivenSale): Promise<number> {
  return Number(await system.redis.hget(`sluice:{${sale.id}}:stock`, sale.types[0] ?? ''));
}

async function reserved(sale: GivenSale): Promise<number> {
  const text = `SELECT count(*)::int AS count FROM orders WHERE sale_id = $1 AND status = 'reserved'`;
  return (await system.sql.query<{ count: number }>(text, [sale.id])).rows[0]?.count ?? NaN;
}

function endHolds(...sales: readonly GivenSale[]): Promise<unknown> {
  const text = `UPDATE orders SET hold_expires_at = now() - interval '1 second' WHERE sale_id = ANY($1)`;
  return system.sql.query(text, [sales.map(({ id }) => id)]);
}

/** The outbox has the sale's orders as if they had been taken at another time. */
async function retime(sale: GivenSale, byMs: number): Promise<void> {
  const key = `sluice:{${sale.id}}:queued-at`;
  for (const id of await system.redis.zrange(key, '0', '-1')) await system.redis.zadd(key, 'XX', Date.now() + byMs, id);
}

async function loseJobs(): Promise<void> {
  const keys = await system.redis.keys('{sluice}:orders*');
  if (keys.length > 0) await system.redis.del(keys);
}

/** What a test leaves in the outbox would be queued again in the next one. */
async function writeAll(...sales: readonly GivenSale[]): Promise<void> {
  const worker = await system.startNode('worker');
  for (const sale of sales) {
    await retime(sale, -40_000);
    await until(async () => {
      await pass();
      return (await system.redis.zcard(`sluice:{${sale.id}}:queued-at`)) === 0;
    }, patiently);
  }
  await worker.close();
}

/** Sales that orders in the queue belong to, those of jobs that wait for another attempt left out. */
async function salesInQueue(): Promise<string[]> {
  const ids = await system.redis.lrange('{sluice}:orders:wait', 0, -1);
  const jobs = await Promise.all(ids.map((id) => system.redis.hget(`{sluice}:orders:${id}`, 'data')));
  return jobs.flatMap((data) => (data === null ? [] : (JSON.parse(data) as OrdersJob).saleId));
}

/** All jobs, at one instant. */
async function jobs(): Promise<number> {
  const [[, wait], [, active], [, delayed]] = (await system.redis
    .multi()
    .llen('{sluice}:orders:wait')
    .llen('{sluice}:orders:active')
    .zcard('{sluice}:orders:delayed')
    .exec()) as [[null, number], [null, number], [null, number]];
  return wait + active + delayed;
}

/** How long it takes until that is so, in ms. */
async function timeUntil(condition: () => Promise<boolean>): Promise<number> {
  const startedAt = performance.now();
  await until(condition, patiently);
  return performance.now() - startedAt;
}

test(
  'when 20,000 holds of one sale run out, then the hold of another ends at once, and stock of the first comes back while holds are left',
  async () => {
    const crowd = 20_000;
    const [crowded, other] = [await heldSale(crowd), await heldSale(1)];
    await endHolds(crowded);
    await endHolds(other); // later than the crowd
    const reconciler = await system.startNode('reconciler');

    const isBack = timeUntil(async () => (await reserved(other)) === 0 && (await available(other)) === 1);
    await until(async () => {
      const [back, held] = [await available(crowded), await reserved(crowded)];
      return back > 0 && held > 0 && held < crowd - back / 2;
    }, patiently);
    expect(await isBack).toBeLessThan(2000);
    await until(async () => (await available(crowded)) === crowd, patiently);
    expect(await reserved(crowded)).toBe(0);
    await reconciler.close();
    for (const sale of [crowded, other]) await assertInvariants(system, sale);
  },
  slowMs,
);

test(
  'when the gate of one sale is held for 10 s, then every pass goes on to visit the others',
  async () => {
    const stuck = await heldSale(5);
    const others = await Promise.all(
      times(2, async () => ({
        overdue: await heldSale(1),
        orphaned: await openSale(system.api),
        over: await openSale(system.api),
        lost: await openSale(system.api),
      })),
    );
    const over = (sale: GivenSale): Promise<unknown> =>
      system.sql.query(`UPDATE sales SET closes_at = now() - interval '1 second' WHERE id = $1`, [sale.id]);
    const holder = new pg.Client({ connectionString: system.servers.databaseUrl });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [stuck.id]);
    const heldAt = performance.now();
    // something to do for it in every pass that needs its gate
    await endHolds(stuck);
    await over(stuck);
    await loseStock(stuck);
    const reconciler = await system.startNode('reconciler');
    try {
      for (const sales of others) {
        expectStatus(202, await purchase(system.api, sales.orphaned, 'ann'));
        await until(async () => (await salesInQueue()).includes(sales.orphaned.id));
        await endHolds(sales.overdue);
        await over(sales.over);
        await loseStock(sales.lost);
        await loseJobs();
        await retime(sales.orphaned, -40_000);
        const took = await Promise.all([
          timeUntil(async () => (await available(sales.overdue)) === 1),
          timeUntil(async () => (await salesInQueue()).includes(sales.orphaned.id)),
          timeUntil(async () => (await system.api.get(sales.over.admin, admin)).body.status === 'closed'),
          timeUntil(async () => (await system.redis.hlen(`sluice:{${sales.lost.id}}:stock`)) > 1),
        ]);
        for (const ms of took) expect(ms).toBeLessThan(visitMs);
      }
      await until(() => performance.now() - heldAt > 10_000, patiently);
      expect(await reserved(stuck)).toBe(5); // or nothing is shown
    } finally {
      await holder.query('ROLLBACK');
      await holder.end();
    }
    await until(async () => (await available(stuck)) === 5, patiently);
    await until(async () => (await system.api.get(stuck.admin, admin)).body.status === 'closed', patiently);
    await reconciler.close();
    await writeAll(...others.map(({ orphaned }) => orphaned));
  },
  slowMs,
);

test(
  'when PostgreSQL only reads for a while, then orders that are queued again and again have no more jobs than before',
  async () => {
    await loseJobs();
    const sale = await openSale(system.api, { capacities: [30] });
    for (const answer of await Promise.all(times(30, (i) => purchase(system.api, sale, `buyer-${i}`)))) {
      expectStatus(202, answer);
    }
    await until(async () => (await jobs()) > 0);
    const faults = postgresFaults(system.servers.databaseUrl);
    await faults.onlyRead();
    const worker = await system.startNode('worker');
    try {
      await retime(sale, -40_000);
      const seen: number[] = [];
      for (let round = 1; round <= 4; round++) {
        // where a job is at work just now, they wait for their turn
        await until(async () => (await pass()).requeued === 30, patiently);
        seen.push(await jobs());
      }
      expect(seen).toEqual(seen.map(() => seen[0]));
    } finally {
      await faults.writeAgain();
    }
    await until(async () => (await reserved(sale)) === 30, patiently);
    await worker.close();
    await assertInvariants(system, sale);
  },
  slowMs,
);

test('when the clock of Redis steps back after orders were taken whose jobs were lost, then they are queued again at once', async () => {
  const sale = await openSale(system.api);
  expectStatus(202, await purchase(system.api, sale, 'ann'));
  await until(async () => (await salesInQueue()).includes(sale.id));
  await loseJobs();
  expect((await pass()).requeued).toBe(0); // it is young
  await retime(sale, hourMs);
  expect((await pass()).requeued).toBe(1);
  expect(await salesInQueue()).toContain(sale.id);
  await writeAll(sale);
});

test.each([
  [
    'put off for hours',
    (id: string) =>
      system.redis
        .multi()
        .del('{sluice}:orders:wait')
        .zadd('{sluice}:orders:delayed', (Date.now() + hourMs) * 0x1000, id)
        .exec(),
  ],
  ['lost but for its hash', () => system.redis.del('{sluice}:orders:wait')],
])('when the job of orders that were queued again is %s, then they are queued again', async (_, strike) => {
  const sale = await openSale(system.api);
  expectStatus(202, await purchase(system.api, sale, 'ann'));
  await until(async () => (await salesInQueue()).includes(sale.id));
  await loseJobs();
  await retime(sale, -40_000);
  expect((await pass()).requeued).toBe(1);
  const [id = ''] = await system.redis.lrange('{sluice}:orders:wait', 0, -1);
  await strike(id);
  expect(await salesInQueue()).toEqual([]);
  await until(async () => {
    await pass();
    return (await salesInQueue()).includes(sale.id);
  });
  await writeAll(sale);
});
