import type pg from 'pg';
import { saleKey } from '../../src/redis/index.js';
import { openSale, reconcile, type GivenSale } from './given.js';
import { until } from './until.js';
import type { ProcessFleet } from './process-fleet.js';

/** Rows of one statement. */
const chunk = 250_000;

export interface LargeSaleOptions {
  /** of one ticket each, by as many buyers, reserved for a day */
  readonly orders: number;
  /** tickets that nobody has; default 0: sold out */
  readonly spare?: number;
  /** with idempotency keys */
  readonly keyed?: boolean;
  readonly payment?: 'none' | 'webhook';
  readonly name?: string;
}

type Behind = Pick<ProcessFleet, 'api' | 'sql' | 'redis'>;

/** A large sale, as workers would have written it; Redis knows nothing of it before a reload. It appears at once, in one commit. */
export async function writtenSale(
  { api, sql }: Pick<Behind, 'api' | 'sql'>,
  { orders, spare = 0, keyed = false, payment = 'none', name = 'Large' }: LargeSaleOptions,
): Promise<GivenSale> {
  const sale = await openSale(api, { name, capacities: [orders + spare], payment });
  const client = await sql.connect();
  try {
    await client.query(`BEGIN; SET LOCAL session_replication_role = replica`); // foreign keys hold; to check them takes minutes
    for (let first = 0; first < orders; first += chunk) {
      await client.query(
        `WITH made AS (
           INSERT INTO orders (id, sale_id, buyer_id, status, total_minor, currency, answers, idempotency, body_hash, max_per_buyer,
             hold_expires_at, created_at, updated_at)
           SELECT ($3 || lpad(to_hex(n), 8, '0'))::uuid, $1, 'buyer-' || n, 'reserved', 1000, 'EUR', '{}', key, key, 4,
             now() + interval '1 day', now(), now()
           FROM generate_series($4::int, $5::int) n, LATERAL (SELECT CASE WHEN $6 THEN left(md5($3 || n), 22) END AS key) k
           RETURNING id, buyer_id
         ), items AS (
           INSERT INTO order_items (order_id, ticket_type_id, position, quantity, unit_price_minor) SELECT id, $2, 0, 1, 1000 FROM made
         )
         INSERT INTO buyer_totals (sale_id, buyer_id, tickets) SELECT $1, buyer_id, 1 FROM made`,
        [sale.id, sale.types[0], idPrefix(sale.id), first, Math.min(first + chunk, orders) - 1, keyed],
      );
    }
    await client.query('UPDATE ticket_types SET taken = $2 WHERE id = $1', [sale.types[0], orders]);
    await client.query('COMMIT; ANALYZE orders; ANALYZE order_items; ANALYZE buyer_totals');
  } finally {
    client.release(true); // where it failed, the transaction goes with it
  }
  return sale;
}

/** The same, in Redis as well. */
export async function largeSale(behind: Behind, options: LargeSaleOptions): Promise<GivenSale> {
  const sale = await writtenSale(behind, options);
  await distrust(behind, sale);
  await reconcile(behind.api);
  // a large one is reloaded in the background
  await until(async () => !(await isDistrusted(behind, sale)), { timeoutMs: 300_000 });
  return sale;
}

/** Has Redis's copy of a sale look as if another server had loaded it: to be reloaded, whatever else is right. */
export async function distrust({ redis }: Pick<Behind, 'redis'>, { id }: GivenSale): Promise<void> {
  await redis.hset(saleKey(id, 'sale'), 'runId', 'another server');
}

/** Whether it has not been reloaded since. */
export async function isDistrusted({ redis }: Pick<Behind, 'redis'>, { id }: GivenSale): Promise<boolean> {
  const [runId, fence] = await redis.hmget(saleKey(id, 'sale'), 'runId', 'fence');
  return typeof runId !== 'string' || runId === 'another server' || typeof fence === 'string';
}

/** The n-th of its orders, from 0, and whose it is. */
export function orderOf(sale: GivenSale, n: number): { readonly id: string; readonly buyerId: string } {
  const hex = idPrefix(sale.id) + n.toString(16).padStart(8, '0');
  return { id: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'), buyerId: `buyer-${n}` };
}

/** Lets every hold of a sale run out in the same moment. */
export async function lapse(sql: pg.Pool, sale: GivenSale): Promise<void> {
  const text = `UPDATE orders SET hold_expires_at = clock_timestamp() WHERE sale_id = $1 AND status = 'reserved'`;
  await sql.query(text, [sale.id]);
}

/**
 * Ends every hold of a sale in PostgreSQL, as one expire pass does that dies before Redis hears of anything. The one place that writes
 * stock returns by itself: the product delivers them as it goes, and only a Redis that was lost in the middle leaves so many.
 */
export async function endUnheard(sql: pg.Pool, sale: GivenSale): Promise<void> {
  await sql.query(
    `WITH ended AS (
       UPDATE orders SET status = 'expired', updated_at = now() WHERE sale_id = $1 AND status = 'reserved' RETURNING id
     ), totals AS (
       UPDATE buyer_totals SET tickets = 0 WHERE sale_id = $1
     ), types AS (
       UPDATE ticket_types SET taken = 0, returned = returned + taken WHERE sale_id = $1
     )
     INSERT INTO stock_returns (sale_id, order_id) SELECT $1, id FROM ended`,
    [sale.id],
  );
}

/** The first 24 digits of its orders' ids, UUIDs of version 7 that no other sale has. */
function idPrefix(saleId: string): string {
  const hex = saleId.replaceAll('-', '');
  return `${hex.slice(0, 16)}8${hex.slice(25)}`;
}
