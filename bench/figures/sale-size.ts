import { setTimeout as delay } from 'node:timers/promises';
import { saleKey } from '../../src/redis/keys.js';
import type { Bench } from '../bench.js';
import { acceptAndSettle, ours, rateOf } from '../load/accept.js';
import { purchase } from '../load/purchase.js';
import { summarize } from '../report/result.js';
import { openSale, type BenchSale } from '../system/sale.js';
import type { Figure } from './figure.js';
import { interleave } from './interleave.js';

/**
 * Copies the sale's one order as often as asked for, each for another buyer and with an id of long ago that no other sale
 * has: whatever the columns are.
 */
const seed = `
  WITH numbers AS (
    SELECT (left(md5($1), 8) || '-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid AS id, 'seeded-' || i AS buyer_id,
      left(md5($1 || i), 22) AS key
    FROM generate_series(1, $3::int) AS i
  ), seeded AS (
    INSERT INTO orders SELECT copy.* FROM numbers n CROSS JOIN orders o
    CROSS JOIN jsonb_populate_record(o, jsonb_build_object('id', n.id, 'buyer_id', n.buyer_id, 'idempotency', n.key)) copy
    WHERE o.sale_id = $1::uuid
  ), items AS (
    INSERT INTO order_items SELECT copy.* FROM numbers n CROSS JOIN order_items o
    CROSS JOIN jsonb_populate_record(o, jsonb_build_object('order_id', n.id)) copy WHERE o.ticket_type_id = $2
  ), totals AS (
    INSERT INTO buyer_totals SELECT copy.* FROM numbers n CROSS JOIN buyer_totals o
    CROSS JOIN jsonb_populate_record(o, jsonb_build_object('buyer_id', n.buyer_id)) copy WHERE o.sale_id = $1::uuid
  )
  UPDATE ticket_types SET taken = taken + $3 WHERE id = $2`;

/** Whether a sale becomes slower as it grows. */
export const saleSize: Figure = {
  name: 'saleSize',
  about: {
    saleSize: {
      figure: 'purchases accepted a second in a sale with 1,000,000 orders',
      yardstick: 'in one with 100 orders',
      target: '≥ 0.9',
    },
  },
  async measure(bench) {
    const { small, large } = bench.scale.saleSizes;
    const smallSale = await grownSale(bench, small);
    const largeSale = await grownSale(bench, large);
    const pairs = await interleave(
      bench,
      'saleSize',
      async (seconds) => rateOf(await acceptAndSettle(bench, smallSale, { seconds })),
      async (seconds) => rateOf(await acceptAndSettle(bench, largeSale, { seconds })),
    );
    return { results: [summarize('saleSize', 'orders/s', pairs)], details: { small, large } };
  },
};

/** Orders that Postgres has, and that a reload then brought into Redis. */
async function grownSale(bench: Bench, orders: number): Promise<BenchSale> {
  const { sluice, books } = bench;
  bench.say(`saleSize: making a sale of ${orders} orders`);
  const sale = await openSale(sluice, 10_000_000);
  await purchase(bench, ours(bench, sale), 1);
  await books.whenTaken(sale, 1);
  await books.whenSettled(sale);
  await books.pool.query(seed, [sale.id, sale.ticketTypeId, orders]);
  await books.pool.query('VACUUM ANALYZE orders, order_items, buyer_totals');
  await books.pool.query('CHECKPOINT');
  await books.redis.del(saleKey(sale.id, 'sale')); // what was lost is reloaded
  const loaded = async (): Promise<boolean> =>
    (await books.redis.exists(saleKey(sale.id, 'sale'))) === 1 &&
    (await books.redis.hlen(saleKey(sale.id, 'buyers'))) > orders;
  while (!(await loaded())) {
    bench.stop.throwIfAborted();
    await delay(100);
  }
  await purchase(bench, ours(bench, sale), 1);
  return sale;
}
