import type { Redis } from 'ioredis';
import type pg from 'pg';
import type { Books } from '../../../src/cli/demo/books.js';
import { saleKey, stampField } from '../../../src/redis/index.js';
import type { CapacityRecord } from './journal.js';
import type { ChaosSale } from './sales.js';

const typeRows = `
  SELECT t.id, t.sale_id AS "saleId", t.capacity, t.taken,
    coalesce(sum(i.quantity) FILTER (WHERE o.status IN ('reserved', 'confirmed')), 0)::int AS sold
  FROM ticket_types t LEFT JOIN order_items i ON i.ticket_type_id = t.id LEFT JOIN orders o ON o.id = i.order_id
  GROUP BY t.id`;

/** Stock that was sold twice, that is nowhere, or that nobody will ever give back. @param mayHaveLost data of Redis were destroyed */
export async function stockFindings(
  books: readonly Books[],
  pool: pg.Pool,
  redis: Redis,
  sales: readonly ChaosSale[],
  capacities: readonly CapacityRecord[],
  mayHaveLost: boolean,
): Promise<{ oversold: string[]; stuck: string[]; wrongCapacities: string[] }> {
  const [oversold, stuck, wrongCapacities]: [string[], string[], string[]] = [[], [], []];
  const rows = async <R extends object>(text: string): Promise<R[]> => (await pool.query<R>(text)).rows;
  const types = await rows<{ id: string; saleId: string; capacity: number; taken: number; sold: number }>(typeRows);
  for (const { id, capacity, taken, sold } of types) {
    if (sold > capacity) oversold.push(`${id}: ${sold} of ${capacity}`);
    if (sold !== taken) stuck.push(`${id}: taken ${taken}, but orders have ${sold}`);
    const asked = capacities.filter(({ ticketTypeId }) => ticketTypeId === id);
    const last = asked.findLast(({ done }) => done);
    const others = asked.filter(({ mayBeLate }) => mayBeLate).map((each) => each.capacity);
    if (last !== undefined && ![last.capacity, ...others].includes(capacity)) {
      wrongCapacities.push(`${id}: capacity ${capacity}, the admin was told ${last.capacity}`);
    }
  }
  for (const [index, sale] of sales.entries()) {
    const { drift } = (await books[index]?.audit([])) ?? { drift: 0 };
    if (drift !== 0) stuck.push(`${sale.name}: drift ${drift}`);
    const [queued, buyers] = await Promise.all([
      redis.hlen(saleKey(sale.id, 'queued')),
      redis.hgetall(saleKey(sale.id, 'buyers')),
    ]);
    if (queued > 1) stuck.push(`${sale.name}: ${queued - 1} orders in the outbox`);
    const totals = await pool.query<{ buyerId: string; tickets: number }>(
      'SELECT buyer_id AS "buyerId", tickets FROM buyer_totals WHERE sale_id = $1 AND tickets > 0',
      [sale.id],
    );
    for (const { buyerId, tickets } of totals.rows) {
      if (Number(buyers[buyerId] ?? 0) !== tickets) {
        stuck.push(`${sale.name}: ${buyerId} has ${tickets}, Redis counts ${buyers[buyerId] ?? 0}`);
      }
    }
    const counted = Object.keys(buyers).filter((buyerId) => buyerId !== stampField);
    if (counted.length > totals.rows.length) {
      stuck.push(`${sale.name}: Redis counts ${counted.length} buyers, Postgres ${totals.rows.length}`);
    }
  }
  const [returns] = await rows<{ count: number }>('SELECT count(*)::int AS count FROM stock_returns');
  if (returns !== undefined && returns.count > 0) stuck.push(`${returns.count} returns`);
  for (const { id, saleId } of await rows<{ id: string; saleId: string }>(
    'SELECT id, sale_id AS "saleId" FROM dead_letters',
  )) {
    // one whose order was destroyed with Redis's data goes when its sale is archived
    const isAlive = (await redis.hexists(saleKey(saleId, 'queued'), id)) === 1;
    if (isAlive || !mayHaveLost) stuck.push(`dead letter ${id}`);
  }
  return { oversold, stuck, wrongCapacities };
}
