import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DeleteOldOrdersPass } from '../../src/reconciliation/delete-old-orders.pass.js';
import { admin, buyer } from '../support/api-client.js';
import {
  endHold,
  expectStatus,
  inventoryOf,
  openSale,
  purchase,
  reconcile,
  times,
  writtenOrder,
  type GivenSale,
  type SaleOptions,
} from '../support/given.js';
import { listen } from '../support/event-listener.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';
import { pay, webhookSecret } from '../support/webhook.js';

const patiently = { timeoutMs: 20_000 };

let system: System;
beforeAll(async () => {
  system = await startSystem({ reconcilers: 0, env: { RETENTION_DAYS: '30', PAYMENT_WEBHOOK_SECRET: webhookSecret } });
});
afterAll(() => system.stop());

const keysOf = (sale: GivenSale): Promise<string[]> => system.redis.keys(`sluice:{${sale.id}}:*`);

/** Redis's keys of a sale that do not expire by themselves. */
async function lastingKeysOf(sale: GivenSale): Promise<string[]> {
  const keys = await keysOf(sale);
  const ttls = await Promise.all(keys.map((key) => system.redis.pttl(key)));
  return keys.filter((_, i) => ttls[i] === -1);
}

async function closed(options: SaleOptions, buy: (sale: GivenSale) => Promise<void>): Promise<GivenSale> {
  const sale = await openSale(system.api, options);
  await buy(sale);
  expectStatus(200, await system.api.post(`${sale.admin}/close`, admin));
  return sale;
}

/** Lets so much time go by for the sale. */
async function age(sale: GivenSale, interval: string): Promise<void> {
  await system.sql.query(
    'UPDATE sales SET updated_at = updated_at - $2::interval, archived_at = archived_at - $2::interval WHERE id = $1',
    [sale.id, interval],
  );
}

async function archived(options: SaleOptions, buy: (sale: GivenSale) => Promise<void>): Promise<GivenSale> {
  const sale = await closed(options, buy);
  await age(sale, '25 hours');
  await reconcile(system.api);
  expect(await lastingKeysOf(sale)).toEqual([]);
  return sale;
}

async function statusesInCsv(sale: GivenSale, query = ''): Promise<string[]> {
  const answer = await fetch(`${system.api.url}${sale.admin}/orders${query}`, {
    headers: { ...admin, accept: 'text/csv' },
  });
  expect(answer.status).toBe(200);
  const rows = (await answer.text()).split('\r\n').slice(1, -1);
  return rows.map((row) => row.split(',')[1] ?? '');
}

async function claimed(sale: GivenSale, name: string, key?: string): Promise<string> {
  const { path } = await writtenOrder(system.api, sale, name, key === undefined ? {} : { key });
  expectStatus(200, await system.api.post(`${path}/confirm`, buyer(name)));
  return path;
}

describe('archiving', () => {
  test('when a sale was closed a day ago, then Redis forgets it, no reload brings it back, and all is told from Postgres', async () => {
    let path = '';
    const sale = await archived({ capacities: [10] }, async (open) => {
      path = await claimed(open, 'ann', 'first');
    });
    const { reloaded } = await reconcile(system.api);
    expect(reloaded).toBe(0);
    expect(await lastingKeysOf(sale)).toEqual([]);

    expect((await system.api.get(path, buyer('ann'))).body.status).toBe('confirmed');
    const unknown = `${sale.orders}/${sale.id}`;
    expect(await system.api.get(unknown, buyer('ann'))).toMatchObject({ status: 404 });
    expect((await system.api.get(sale.orders, buyer('ann'))).body.data).toHaveLength(1);
    expect((await system.api.get(`${sale.admin}/orders?status=queued`, admin)).body.data).toEqual([]);
    expect(await statusesInCsv(sale)).toEqual(['confirmed']);
    expect(await statusesInCsv(sale, '?status=queued')).toEqual([]);
    expect(await system.api.get(`/v1/sales/${sale.id}`)).toMatchObject({
      status: 200,
      body: { status: 'closed', ticketTypes: [{ available: 9, held: 0 }] },
    });
    const inventory = await inventoryOf(system.api, sale);
    expect(inventory).toMatchObject([{ available: 9, queued: 0, confirmed: 1, drift: 0 }]);
    const stats = await listen<object>(`${system.api.url}${sale.admin}/events`, admin);
    await until(() => stats.events.length > 0);
    stats.close();
    expect(stats.events[0]?.data).toMatchObject({ stock: inventory, consistent: true });

    // its keys are bound still, and nothing is sold
    const replay = await purchase(system.api, sale, 'ann', { key: 'first' });
    expect(replay).toMatchObject({ status: 202, headers: { 'idempotency-replayed': 'true' } });
    const other = await purchase(system.api, sale, 'ann', { key: 'first', quantities: [2] });
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
    for (const key of ['second', undefined]) {
      const late = await purchase(system.api, sale, 'bob', key === undefined ? {} : { key });
      expect(late).toMatchObject({ status: 409, body: { code: 'sale_closed' } });
    }

    // an admin takes an order back, and changes what may be changed
    const id = path.split('/').at(-1) ?? '';
    expectStatus(200, await system.api.post(`${sale.admin}/orders/${id}/cancel`, admin));
    expectStatus(
      200,
      await system.api.patch(sale.admin, { name: 'Long ago', ticketTypes: [{ id: sale.types[0], capacity: 12 }] }),
    );
    expect(await inventoryOf(system.api, sale)).toMatchObject([
      { capacity: 12, available: 12, confirmed: 0, drift: 0 },
    ]);
    expect((await system.sql.query('SELECT FROM stock_returns WHERE sale_id = $1', [sale.id])).rowCount).toBe(0);
    expect(await lastingKeysOf(sale)).toEqual([]);
  });

  test('when a payment comes for an archived sale, then it confirms what is there, and what is not is owed', async () => {
    const orders: { id: string; path: string }[] = [];
    const sale = await archived({ capacities: [1], payment: 'webhook', maxPerBuyer: 1 }, async (open) => {
      for (const name of ['ann', 'bob']) {
        const order = await writtenOrder(system.api, open, name);
        orders.push(order);
        await endHold(system.sql, order.id);
        await reconcile(system.api);
      }
    });
    const [ann, bob] = orders;
    for (const order of [ann, bob]) {
      const event = { saleId: sale.id, orderId: order?.id ?? '', paymentReference: `pi_${order?.id ?? ''}` };
      expect((await pay(system.api, event)).status).toBe(204);
    }
    expect((await system.api.get(ann?.path ?? '', buyer('ann'))).body.status).toBe('confirmed');
    expect((await system.api.get(bob?.path ?? '', buyer('bob'))).body.status).toBe('expired');
    const refunds = expectStatus(200, await system.api.get('/v1/admin/refunds', admin)).body.data;
    expect(refunds).toMatchObject([{ orderId: bob?.id, reason: 'sold_out' }]);
  });

  test('when orders that Postgres refused were destroyed with Redis, then only the one that an admin sees keeps the sale', async () => {
    const sale = await closed({ capacities: [10] }, async (open) => {
      await claimed(open, 'ann');
    });
    await age(sale, '25 hours');
    // refused a few times, revived, discarded, dead
    await system.sql.query(
      `INSERT INTO dead_letters (id, sale_id, payload, error, attempts, discarded)
       SELECT gen_random_uuid(), $1, '{}', 'refused', a, d FROM (VALUES (4, false), (0, false), (5, true), (5, false)) v (a, d)`,
      [sale.id],
    );
    await reconcile(system.api);
    expect(await lastingKeysOf(sale)).not.toEqual([]);

    const [letter] = expectStatus(200, await system.api.get('/v1/admin/dead-letters', admin)).body.data;
    const path = `/v1/admin/dead-letters/${letter?.id ?? ''}`;
    expectStatus(204, await system.api.request('DELETE', path, { headers: admin }));
    await reconcile(system.api);
    expect(await lastingKeysOf(sale)).toEqual([]);
    expect((await system.sql.query('SELECT FROM dead_letters')).rowCount).toBe(0);
  });

  test('when a sale is open, was closed just now, or has an order on its way or a running hold, then it stays', async () => {
    const open = await openSale(system.api);
    const fresh = await closed({}, async (sale) => {
      await claimed(sale, 'ann');
    });
    const held = await closed({}, async (sale) => {
      await writtenOrder(system.api, sale, 'ann');
    });
    await age(open, '25 hours');
    await age(held, '25 hours');
    await age(fresh, '23 hours');
    await reconcile(system.api);
    for (const sale of [open, fresh, held]) expect((await lastingKeysOf(sale)).length).toBeGreaterThan(0);
  });
});

/** Wants orders of that sale, as a change of them does, until told to stop. @returns how often. @throws when it has to wait for 100 ms */
async function wantOrders({ id }: GivenSale, over: AbortSignal): Promise<number> {
  for (let times = 0; ; times++) {
    if (over.aborted) return times;
    await system.sql.query(
      `SET LOCAL lock_timeout = 100; SELECT FROM orders WHERE sale_id = '${id}' ORDER BY id LIMIT 1 FOR UPDATE`,
    );
  }
}

describe('retention', () => {
  test('when a sale was archived for so long, then its orders are deleted in short transactions, and its figures stay', async () => {
    const fill = `
      WITH made AS (
        INSERT INTO orders (id, sale_id, buyer_id, status, total_minor, currency, answers, max_per_buyer, created_at, updated_at)
        SELECT gen_random_uuid(), $1, 'crowd-' || n, 'expired', 1000, 'EUR', '{}', 4, now(), now() FROM generate_series(1, 3000) n
        RETURNING id)
      INSERT INTO order_items (order_id, ticket_type_id, position, quantity, unit_price_minor) SELECT id, $2, 0, 1, 1000 FROM made`;
    const sale = await archived({ capacities: [10] }, async (open) => {
      for (const name of times(3, (i) => `buyer-${i}`)) await claimed(open, name);
      await system.sql.query(fill, [open.id, open.types[0]]);
    });
    const kept = await archived({}, async (open) => {
      await claimed(open, 'ann');
    });
    await age(sale, '31 days');
    await age(kept, '29 days');

    const pass = system.nodes[0]?.get(DeleteOldOrdersPass, { strict: false });
    if (pass === undefined) throw new Error('there is no API node');
    // 2 ms for each order: the first batch would take 200
    await system.sql.query(`
      CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.002); RETURN old; END $$;
      CREATE TRIGGER dawdle BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION dawdle()`);
    const over = new AbortController();
    const rival = wantOrders(sale, over.signal);
    let deleted = 0;
    await until(async () => (deleted += await pass.run()) >= 100, patiently);
    over.abort();
    expect(await rival).toBeGreaterThan(0);
    await system.sql.query('DROP TRIGGER dawdle ON orders');
    await until(async () => {
      deleted += await pass.run();
      const { rows } = await system.sql.query('SELECT FROM sales WHERE id = $1 AND purged_at IS NOT NULL', [sale.id]);
      return rows.length === 1;
    }, patiently);
    expect(deleted).toBe(3003);
    const count = async (table: string, id: string): Promise<number> =>
      Number(
        (await system.sql.query<{ n: string }>(`SELECT count(*) AS n FROM ${table} WHERE sale_id = $1`, [id])).rows[0]
          ?.n,
      );
    for (const table of ['orders', 'buyer_totals'])
      expect([await count(table, sale.id), await count(table, kept.id)]).toEqual([0, 1]);
    const { rows } = await system.sql.query<{ taken: number }>('SELECT taken FROM ticket_types WHERE sale_id = $1', [
      sale.id,
    ]);
    expect(rows).toEqual([{ taken: 3 }]);
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 7, confirmed: 3, drift: 0 }]);
    expect((await system.api.get(`${sale.admin}/orders`, admin)).body.data).toEqual([]);
    expect(await pass.run()).toBe(0);
  });
});
