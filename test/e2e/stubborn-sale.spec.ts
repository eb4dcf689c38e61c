import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Reconcile } from '../../src/reconciliation/reconcile.js';
import { admin, buyer } from '../support/api-client.js';
import { endHold, expectStatus, inventoryOf, openSale, reconcile, writtenOrder } from '../support/given.js';
import { assertInvariants } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

let system: System;
beforeAll(async () => {
  system = await startSystem({ reconcilers: 0 });
});
afterAll(() => system.stop());

/** More than any pass takes at once. */
const overdue = 1100;

test('when one sale fails in every pass, then the others have their holds expired, their stock returned, and are closed and mended', async () => {
  const stubborn = await openSale(system.api, { capacities: [overdue] });
  await system.sql.query(
    `WITH made AS (
       INSERT INTO orders (id, sale_id, buyer_id, status, total_minor, currency, answers, max_per_buyer, hold_expires_at, created_at, updated_at)
       SELECT gen_random_uuid(), $1, 'crowd-' || n, 'reserved', 1000, 'EUR', '{}', 4, now() - interval '1 minute', now(), now()
       FROM generate_series(1, ${overdue}) n RETURNING id, buyer_id
     ), items AS (
       INSERT INTO order_items (order_id, ticket_type_id, position, quantity, unit_price_minor) SELECT id, $2, 0, 1, 1000 FROM made
     ), totals AS (INSERT INTO buyer_totals (sale_id, buyer_id, tickets) SELECT $1, buyer_id, 1 FROM made)
     UPDATE ticket_types SET taken = ${overdue} WHERE id = $2`,
    [stubborn.id, stubborn.types[0]],
  );
  const sale = await openSale(system.api, { capacities: [10] });
  const { id, path } = await writtenOrder(system.api, sale, 'ann', { quantities: [2] });
  const lost = await openSale(system.api);
  await endHold(system.sql, id);
  await system.sql.query(`UPDATE sales SET closes_at = now() - interval '1 second' WHERE id = ANY($1)`, [
    [stubborn.id, sale.id],
  ]);
  // every script that meets one of these fails
  const keys = ['sale', 'queued'].map((name) => `sluice:{${stubborn.id}}:${name}`);
  for (const key of keys) await system.redis.set(key, 'no hash');
  await system.redis.del(`sluice:{${lost.id}}:stock`);

  await expect(system.nodes[0]?.get(Reconcile, { strict: false }).now()).rejects.toThrow('WRONGTYPE');

  expect((await system.api.get(path, buyer('ann'))).body.status).toBe('expired');
  expect(expectStatus(200, await system.api.get(sale.admin, admin)).body.status).toBe('closed');
  expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 10, drift: 0 }]);
  const undelivered = await system.sql.query('SELECT FROM stock_returns WHERE sale_id = $1', [sale.id]);
  expect(undelivered.rowCount).toBe(0);
  expect(await system.redis.hlen(`sluice:{${lost.id}}:stock`)).toBeGreaterThan(1);

  await system.redis.del(...keys);
  await until(async () => (await reconcile(system.api)).reloaded === 0, { timeoutMs: 20_000 });
  for (const each of [stubborn, sale, lost]) await assertInvariants(system, each);
  expect(await inventoryOf(system.api, stubborn)).toMatchObject([{ available: overdue, drift: 0 }]);
});
