import { expect } from '@jest/globals';
import { parseEntry } from '../../src/inventory/outbox-entry.js';
import { assertPaths } from '../support/invariants.js';
import { imageOf } from '../support/loaded-sale.js';
import { maxPerBuyer, type Scene, type Stage } from './stage.js';

interface Books {
  readonly status: string;
  readonly opensAt: string;
  readonly closesAt: string;
  readonly maxPerBuyer: string;
  readonly epoch: string;
  readonly loaded: string;
  readonly batch: string;
  readonly types: readonly {
    readonly id: string;
    readonly capacity: number;
    readonly taken: number;
    readonly written: number;
    readonly returned: number;
    readonly sold: number;
  }[];
  readonly orders: readonly {
    readonly id: string;
    readonly reason: string | null;
    readonly key: string | null;
    readonly bodyHash: string | null;
  }[];
  readonly totals: Readonly<Record<string, number>>;
  readonly sold: Readonly<Record<string, number>>;
  readonly returns: number;
  readonly dead: readonly string[];
}

const books = `
  WITH mine AS (SELECT * FROM orders WHERE sale_id = $1),
  live AS (SELECT o.buyer_id, i.ticket_type_id, i.quantity FROM mine o JOIN order_items i ON i.order_id = o.id
    WHERE o.status IN ('reserved', 'confirmed'))
  SELECT s.status, s.max_per_buyer::text AS "maxPerBuyer", s.epoch::text AS epoch, s.loaded_epoch::text AS loaded,
    s.return_batch::text AS batch,
    (extract(epoch FROM s.opens_at) * 1000)::bigint::text AS "opensAt",
    (extract(epoch FROM s.closes_at) * 1000)::bigint::text AS "closesAt",
    (SELECT json_agg(json_build_object('id', t.id, 'capacity', t.capacity, 'taken', t.taken, 'written', t.written,
        'returned', t.returned, 'sold',
        (SELECT coalesce(sum(quantity), 0) FROM live WHERE ticket_type_id = t.id)))
      FROM ticket_types t WHERE t.sale_id = s.id) AS types,
    (SELECT coalesce(json_agg(json_build_object('id', id, 'reason', reason, 'key', idempotency, 'bodyHash', body_hash)), '[]')
      FROM mine) AS orders,
    (SELECT coalesce(json_object_agg(buyer_id, tickets), '{}') FROM buyer_totals WHERE sale_id = s.id AND tickets > 0) AS totals,
    (SELECT coalesce(json_object_agg(buyer_id, quantity), '{}')
      FROM (SELECT buyer_id, sum(quantity) AS quantity FROM live GROUP BY buyer_id) b) AS sold,
    (SELECT count(*)::int FROM stock_returns WHERE sale_id = s.id) AS returns,
    (SELECT coalesce(json_agg(id), '[]') FROM dead_letters WHERE sale_id = s.id) AS dead
  FROM sales s WHERE s.id = $1`;

/**
 * Asserts the invariants of docs/protocol.md on a sale that is quiet, and more: that every key of it in Redis is what
 * Postgres and the dead letters say.
 */
export async function audit(stage: Stage, { sale, reasons = [] }: Scene): Promise<void> {
  const [found] = await stage.rows<Books>(books, [sale.id]);
  const redis = await imageOf(stage.redis, sale.id);
  if (found === undefined) {
    expect(Object.values(redis).map((key) => Object.keys(key).length)).toEqual(Object.values(redis).map(() => 0));
    return;
  }
  for (const { capacity, taken, sold } of found.types) {
    expect(taken).toBe(sold);
    expect(taken).toBeLessThanOrEqual(capacity); // 1: nothing is oversold
  }
  const known = new Set([...found.orders.map(({ id }) => id), ...found.dead]);
  const accepted = [...stage.journal.orders.keys()].filter((id) => !stage.destroyed.has(id));
  expect(accepted.filter((id) => !known.has(id))).toEqual([]); // 2: nothing accepted is lost
  expect(found.totals).toEqual(found.sold);
  expect(Object.entries(found.sold).filter(([, tickets]) => tickets > maxPerBuyer)).toEqual([]); // 3: nobody is over his limit
  expect(found.returns).toBe(0);
  assertPaths(stage.journal); // 5: nobody sees a status go backwards
  const refused = found.orders.filter(({ reason }) => reason !== null && !reasons.includes(reason));
  expect(refused).toEqual([]); // 6: Redis refused all who had to be

  const { runId, ...fields } = redis.sale as Record<string, string>; // 4: it all adds up
  expect(runId).toBeDefined();
  expect({ ...redis, sale: fields }).toEqual(expectedImage(found, redis.queued as Record<string, string>));
}

/** What Redis must hold of a sale whose outbox has only dead letters, which still count. */
function expectedImage(found: Books, queued: Readonly<Record<string, string>>): Record<string, unknown> {
  const { status, opensAt, closesAt, maxPerBuyer: limit, epoch, loaded, batch } = found;
  const dead = found.dead.map((id) => parseEntry(queued[id] ?? ''));
  const waiting = (typeId: string): number =>
    dead
      .flatMap(({ items }) => items)
      .reduce((sum, item) => (item.ticketTypeId === typeId ? sum + item.quantity : sum), 0);
  const buyers: Record<string, number> = { ...found.totals };
  for (const { buyerId, items } of dead) {
    for (const { quantity } of items) buyers[buyerId] = (buyers[buyerId] ?? 0) + quantity;
  }
  const keys = found.orders.filter(({ key, reason }) => key !== null && reason !== 'duplicate');
  const texts = (counts: readonly (readonly [string, number])[]): Record<string, string> =>
    Object.fromEntries(counts.map(([name, count]) => [name, String(count)]));
  const stamp = { '': epoch };
  return {
    sale: { status, opensAt, closesAt, maxPerBuyer: limit, epoch, loaded, batch },
    stock: {
      ...stamp,
      ...texts(
        found.types.flatMap(({ id, capacity, taken, written, returned }) => [
          [id, capacity - taken - waiting(id)],
          [`${id}:queued`, waiting(id)],
          [`${id}:settled`, written],
          [`${id}:returned`, returned],
        ]),
      ),
    },
    buyers: { ...stamp, ...texts(Object.entries(buyers)) },
    queued: { ...stamp, ...Object.fromEntries(found.dead.map((id) => [id, queued[id]])) },
    'queued-at': [...found.dead],
    'queued-by': { ...stamp, ...Object.fromEntries(dead.map(({ id, buyerId }) => [buyerId, id])) },
    idem: { ...stamp, ...Object.fromEntries(keys.map(({ id, key, bodyHash }) => [key, `${id}${bodyHash ?? ''}`])) },
  };
}
