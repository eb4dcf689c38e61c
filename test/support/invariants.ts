import { expect } from '@jest/globals';
import { admin } from './api-client.js';
import { expectStatus, type GivenSale } from './given.js';
import type { System } from './system.js';

import { until } from './until.js';

/** What it takes to look behind a system, whatever it is made of. */
type Books = Pick<System, 'api' | 'sql'> & { readonly redis: Pick<System['redis'], 'zcard' | 'hgetall'> };

/** Every answer with an order that a buyer got, in the order in which he got them. */
export class Journal {
  private readonly seen = new Map<string, string[]>();

  /** Notes an order as an answer showed it. */
  note(order: { readonly id: string; readonly status: string }): void {
    const statuses = this.seen.get(order.id) ?? [];
    if (statuses.at(-1) !== order.status) statuses.push(order.status);
    this.seen.set(order.id, statuses);
  }

  get orders(): ReadonlyMap<string, readonly string[]> {
    return this.seen;
  }
}

const next: Readonly<Record<string, readonly string[]>> = {
  queued: ['reserved', 'confirmed', 'expired', 'cancelled', 'rejected'],
  reserved: ['confirmed', 'expired', 'cancelled'],
  confirmed: ['cancelled'],
  expired: ['confirmed'],
  cancelled: [],
  rejected: [],
};

/** Asserts that what was seen of each order is a path of the state machine. */
export function assertPaths(journal: Journal): void {
  for (const statuses of journal.orders.values()) {
    for (const [i, status] of statuses.entries()) {
      const before = statuses[i - 1];
      if (before !== undefined) expect(next[before]).toContain(status);
    }
  }
}

/** Waits until every order has left the outbox and one reconciliation found nothing more to do. */
async function quiet(system: Books, sale: GivenSale): Promise<void> {
  await until(async () => (await system.redis.zcard(`sluice:{${sale.id}}:queued-at`)) === 0, { timeoutMs: 20_000 });
  expectStatus(200, await system.api.post('/v1/admin/reconciliations', admin));
}

/**
 * Asserts the invariants of docs/protocol.md on a sale that is quiet. `maxPerBuyer` is the highest that was in force;
 * `intact`: Redis kept its data, so Postgres had to refuse nobody.
 */
export async function assertInvariants(
  system: Books,
  sale: GivenSale,
  { journal, maxPerBuyer = 4, intact = true }: { journal?: Journal; maxPerBuyer?: number; intact?: boolean } = {},
): Promise<void> {
  await quiet(system, sale);
  const { rows: types } = await system.sql.query<{
    id: string;
    capacity: number;
    taken: number;
    live: number;
    reserved: number;
  }>(
    `SELECT t.id, t.capacity, t.taken, coalesce(sum(i.quantity) FILTER (WHERE o.status IN ('reserved', 'confirmed')), 0)::int AS live,
       coalesce(sum(i.quantity) FILTER (WHERE o.status = 'reserved'), 0)::int AS reserved
     FROM ticket_types t LEFT JOIN order_items i ON i.ticket_type_id = t.id LEFT JOIN orders o ON o.id = i.order_id
     WHERE t.sale_id = $1 GROUP BY t.id`,
    [sale.id],
  );
  for (const { capacity, taken, live } of types) {
    expect(taken).toBeLessThanOrEqual(capacity); // 1: nothing is oversold
    expect(taken).toBe(live);
  }

  const { rows: orders } = await system.sql.query<{ id: string; status: string; reason: string | null }>(
    'SELECT id, status, reason FROM orders WHERE sale_id = $1',
    [sale.id],
  );
  const known = new Set(orders.map(({ id }) => id));
  if (journal !== undefined) {
    expect([...journal.orders.keys()].filter((id) => !known.has(id))).toEqual([]); // 2: nothing accepted is lost
  }

  const { rows: over } = await system.sql.query(
    `SELECT o.buyer_id, sum(i.quantity) FROM orders o JOIN order_items i ON i.order_id = o.id
     WHERE o.sale_id = $1 AND o.status IN ('reserved', 'confirmed') GROUP BY o.buyer_id HAVING sum(i.quantity) > $2`,
    [sale.id, maxPerBuyer],
  );
  expect(over).toEqual([]); // 3: nobody is over his limit

  const { body } = expectStatus(200, await system.api.get(`${sale.admin}/inventory`, admin)); // 4: it all adds up
  const { ticketTypes, consistent } = body;
  expect(ticketTypes.map(({ drift, queued }) => ({ drift, queued }))).toEqual(
    types.map(() => ({ drift: 0, queued: 0 })),
  );
  // told without a look at the orders
  expect(new Map(ticketTypes.map(({ ticketTypeId, reserved }) => [ticketTypeId, reserved]))).toEqual(
    new Map(types.map(({ id, reserved }) => [id, reserved])),
  );
  expect(consistent).toBe(true);
  const { rows: returns } = await system.sql.query('SELECT id FROM stock_returns WHERE sale_id = $1', [sale.id]);
  expect(returns).toEqual([]);
  const { rows: totals } = await system.sql.query<{ buyer_id: string; tickets: number }>(
    'SELECT buyer_id, tickets FROM buyer_totals WHERE sale_id = $1 AND tickets > 0',
    [sale.id],
  );
  const counts = await system.redis.hgetall(`sluice:{${sale.id}}:buyers`);
  delete counts[''];
  expect(counts).toEqual(Object.fromEntries(totals.map(({ buyer_id, tickets }) => [buyer_id, String(tickets)])));

  if (journal !== undefined) assertPaths(journal); // 5: nobody sees a status go backwards

  if (intact) expect(orders.filter(({ reason }) => reason !== null)).toEqual([]); // 6: Redis refused all who had to be
}
