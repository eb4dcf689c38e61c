import { Injectable } from '@nestjs/common';
import type { Answers, Order, OrderItem, OrderStatus, RejectReason } from '../domain/index.js';
import type { StockClaim } from '../inventory/index.js';
import { Database, type Queryable, type Statement } from '../postgres/index.js';

const columns = `
  o.id, o.sale_id AS "saleId", o.buyer_id AS "buyerId", o.status, o.reason, o.total_minor AS "totalMinor", o.currency,
  o.answers, o.hold_expires_at AS "holdExpiresAt", o.created_at AS "createdAt", o.updated_at AS "updatedAt",
  (SELECT json_agg(json_build_object('ticketTypeId', i.ticket_type_id, 'quantity', i.quantity,
      'unitPriceMinor', i.unit_price_minor) ORDER BY i.position)
    FROM order_items i WHERE i.order_id = o.id) AS items`;

const find: Statement = {
  name: 'find-order',
  text: `SELECT ${columns} FROM orders o WHERE o.id = $2 AND o.sale_id = $1`,
};

const findMany: Statement = {
  name: 'find-orders',
  text: `SELECT ${columns} FROM orders o WHERE o.id = ANY($2::uuid[]) AND o.sale_id = $1`,
};

const list: Statement = {
  name: 'list-orders',
  planned: 'each time',
  text: `
    SELECT ${columns} FROM orders o
    WHERE o.sale_id = $1 AND ($2::uuid IS NULL OR o.id < $2) AND ($3::text IS NULL OR o.status = $3)
    ORDER BY o.id DESC LIMIT $4`,
};

const listOfBuyer: Statement = {
  name: 'list-orders-of-buyer',
  planned: 'each time',
  text: `
    SELECT ${columns} FROM orders o
    WHERE o.sale_id = $1 AND ($2::uuid IS NULL OR o.id < $2) AND ($3::text IS NULL OR o.status = $3) AND o.buyer_id = $5
    ORDER BY o.id DESC LIMIT $4`,
};

const confirm: Statement = {
  name: 'confirm-order',
  text: `
    UPDATE orders SET status = 'confirmed', updated_at = clock_timestamp()
    WHERE id = $2 AND sale_id = $1 AND status = 'reserved' AND hold_expires_at > clock_timestamp() RETURNING id`,
};

const lock: Statement = {
  name: 'lock-order',
  text: `
    SELECT o.status, o.buyer_id AS "buyerId", o.max_per_buyer AS "limit",
      (SELECT coalesce(json_agg(json_build_object('ticketTypeId', i.ticket_type_id, 'quantity', i.quantity)), '[]')
        FROM order_items i WHERE i.order_id = o.id) AS items
    FROM orders o WHERE o.id = $2 AND o.sale_id = $1 FOR UPDATE`,
};

/** Whatever the clock says: until somebody has ended the hold, its tickets are this order's. */
const confirmPaid: Statement = {
  name: 'confirm-paid-order',
  text: `
    UPDATE orders SET status = 'confirmed', updated_at = clock_timestamp()
    WHERE id = $2 AND sale_id = $1 AND status = 'reserved'`,
};

/**
 * Takes the tickets of an expired order again: `end-orders` backwards, in the same order of locks. $3: its return was undone, so it was
 * never given back. Under the gate. What it has done where not all of it fits is for the caller to roll back.
 */
const retake: Statement = {
  name: 'retake-order',
  text: `
    WITH due AS (
      UPDATE orders SET status = 'confirmed', updated_at = clock_timestamp()
      WHERE id = $2 AND sale_id = $1 AND status = 'expired' RETURNING id, buyer_id, max_per_buyer
    ), tickets AS (
      SELECT i.ticket_type_id, i.quantity FROM due JOIN order_items i ON i.order_id = due.id
    ), buyers AS (
      UPDATE buyer_totals t SET tickets = t.tickets + b.quantity
      FROM (SELECT sum(quantity)::int AS quantity FROM tickets) b, due
      WHERE t.sale_id = $1 AND t.buyer_id = due.buyer_id AND t.tickets + b.quantity <= due.max_per_buyer RETURNING 1
    ), locked AS (
      SELECT t.id, b.quantity FROM ticket_types t JOIN tickets b ON b.ticket_type_id = t.id
      WHERE t.sale_id = $1 AND (SELECT count(*) FROM buyers) >= 0 -- after them
      ORDER BY t.id FOR UPDATE OF t
    ), types AS (
      UPDATE ticket_types t SET taken = t.taken + b.quantity, returned = t.returned - CASE WHEN $3 THEN b.quantity ELSE 0 END
      FROM locked b WHERE t.id = b.id AND t.taken + b.quantity <= t.capacity RETURNING 1
    )
    SELECT (SELECT count(*) FROM types) = (SELECT count(*) FROM tickets) AS "inStock",
      (SELECT count(*) FROM buyers) = (SELECT count(*) FROM due) AS "withinLimit"`,
};

/**
 * By the statement's time, not the clock's: an index can look for that, and does not read every running hold. With 3,000 sales and 300,000
 * holds in one of them 9 ms, and a millisecond for the batch of a sale below.
 */
const salesWithOverdue: Statement = {
  name: 'sales-with-overdue-holds',
  text: `
    SELECT s.id FROM sales s CROSS JOIN LATERAL (
      SELECT FROM orders o WHERE o.sale_id = s.id AND o.status = 'reserved' AND o.hold_expires_at <= statement_timestamp()
      LIMIT 1) any_hold
    WHERE s.archived_at IS NULL AND s.id <> ALL($1::uuid[])`,
};

const overdue: Statement = {
  name: 'overdue-holds',
  text: `
    SELECT id FROM orders
    WHERE sale_id = $1 AND status = 'reserved' AND hold_expires_at <= statement_timestamp()
    ORDER BY hold_expires_at LIMIT $2`,
};

/**
 * Ends orders and gives their tickets back: the order, the buyer's total, the ticket types, each in the order of ids, and
 * a row that brings the tickets back to Redis. Under the gate, shared. An order that somebody else ended is not touched.
 */
const end: Statement = {
  name: 'end-orders',
  text: `
    WITH due AS (
      SELECT id FROM orders
      WHERE sale_id = $1 AND id = ANY($2::uuid[]) AND status = ANY($4::text[])
        AND CASE $5 WHEN 'overdue' THEN hold_expires_at <= clock_timestamp()
                    WHEN 'running' THEN hold_expires_at > clock_timestamp() ELSE true END
      ORDER BY id FOR UPDATE
    ), ended AS (
      UPDATE orders o SET status = $3, updated_at = clock_timestamp() FROM due WHERE o.id = due.id
      RETURNING o.id, o.buyer_id
    ), tickets AS (
      SELECT e.id, e.buyer_id, i.ticket_type_id, i.quantity FROM ended e JOIN order_items i ON i.order_id = e.id
    ), by_buyer AS (
      SELECT buyer_id, sum(quantity)::int AS quantity FROM tickets GROUP BY buyer_id
    ), locked_buyers AS (
      -- by their ids: a join would be planned to read all of the sale's
      SELECT buyer_id FROM buyer_totals
      WHERE sale_id = $1 AND buyer_id = ANY(ARRAY(SELECT buyer_id FROM by_buyer)) ORDER BY buyer_id FOR UPDATE
    ), buyers AS (
      UPDATE buyer_totals t SET tickets = t.tickets - b.quantity FROM by_buyer b
      WHERE t.sale_id = $1 AND t.buyer_id = ANY(ARRAY(SELECT buyer_id FROM locked_buyers)) AND b.buyer_id = t.buyer_id
      RETURNING 1
    ), types AS (
      SELECT t.id, b.quantity FROM ticket_types t
      JOIN (SELECT ticket_type_id, sum(quantity)::int AS quantity FROM tickets GROUP BY ticket_type_id) b
        ON b.ticket_type_id = t.id
      WHERE (SELECT count(*) FROM buyers) >= 0 -- after them
      ORDER BY t.id FOR UPDATE OF t
    ), given AS (
      UPDATE ticket_types t SET taken = t.taken - types.quantity, returned = t.returned + types.quantity
      FROM types WHERE t.id = types.id
    ), returns AS (
      INSERT INTO stock_returns (sale_id, order_id)
      SELECT s.id, e.id FROM ended e CROSS JOIN sales s WHERE s.id = $1 AND s.archived_at IS NULL
    )
    SELECT id FROM ended`,
};

const bound: Statement = {
  name: 'order-of-key',
  text: `
    SELECT id, body_hash AS "bodyHash" FROM orders
    WHERE sale_id = $1 AND idempotency = $2 AND reason IS DISTINCT FROM 'duplicate'`,
};

/** A statement of its own: one that waited for the order's row would not see the payment for which it waited. */
const owePayments: Statement = {
  name: 'owe-payments',
  text: `
    UPDATE payments SET refund_reason = 'order_cancelled'
    WHERE order_id = ANY($1::uuid[]) AND type = 'payment.succeeded' AND refund_reason IS NULL`,
};

/** What a payment has to know of an order that nobody else can change meanwhile. */
export interface LockedOrder extends StockClaim {
  readonly status: OrderStatus;
}

interface OrderRow {
  readonly id: string;
  readonly saleId: string;
  readonly buyerId: string;
  readonly status: OrderStatus;
  readonly reason: RejectReason | null;
  readonly totalMinor: number;
  readonly currency: string;
  readonly answers: Answers;
  readonly holdExpiresAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly items: readonly OrderItem[] | null;
}

export interface OrderFilter {
  readonly status?: OrderStatus;
  readonly buyerId?: string;
}

/** Which holds may end: those that ran out, those that still run, or any. */
export type HoldState = 'overdue' | 'running' | 'any';

/** Orders in Postgres. */
@Injectable()
export class OrderRepository {
  constructor(private readonly database: Database) {}

  async find(saleId: string, orderId: string): Promise<Order | null> {
    const [row] = await this.database.rows<OrderRow>(find, [saleId, orderId]);
    return row === undefined ? null : toOrder(row);
  }

  /** Those of the orders that Postgres has, in no order. */
  async findMany(saleId: string, orderIds: readonly string[]): Promise<Order[]> {
    return (await this.database.rows<OrderRow>(findMany, [saleId, orderIds])).map(toOrder);
  }

  /** The order that an idempotency key belongs to; null: none that Postgres has. */
  async ofKey(saleId: string, field: string): Promise<{ id: string; bodyHash: string | null } | null> {
    return (await this.database.rows<{ id: string; bodyHash: string | null }>(bound, [saleId, field]))[0] ?? null;
  }

  /** Newest first, those older than `before` (an id), at the most `limit`. */
  async list(saleId: string, filter: OrderFilter, before: string | null, limit: number): Promise<Order[]> {
    const values = [saleId, before, filter.status ?? null, limit];
    const rows =
      filter.buyerId === undefined
        ? await this.database.rows<OrderRow>(list, values)
        : await this.database.rows<OrderRow>(listOfBuyer, [...values, filter.buyerId]);
    return rows.map(toOrder);
  }

  /** Claims a hold that still runs. False: there was none. */
  async confirm(saleId: string, orderId: string): Promise<boolean> {
    return (await this.database.rows(confirm, [saleId, orderId])).length > 0;
  }

  /** The order, which nobody else can change until the transaction ends; null: Postgres has none. */
  async lock(tx: Queryable, saleId: string, orderId: string): Promise<LockedOrder | null> {
    return (await tx.rows<LockedOrder>(lock, [saleId, orderId]))[0] ?? null;
  }

  /** Claims the hold of a locked order that is `reserved`. */
  async confirmPaid(tx: Queryable, saleId: string, orderId: string): Promise<void> {
    await tx.rows(confirmPaid, [saleId, orderId]);
  }

  /**
   * Takes the tickets of an expired order again and confirms it, under the gate: held exclusively, or shared where the order's return
   * was undone. @returns why it cannot be, and then the caller rolls back what it did; null: it is done
   */
  async retake(
    tx: Queryable,
    saleId: string,
    orderId: string,
    isReturnUndone: boolean,
  ): Promise<'sold_out' | 'limit_exceeded' | null> {
    const values = [saleId, orderId, isReturnUndone];
    const [row] = await tx.rows<{ inStock: boolean; withinLimit: boolean }>(retake, values);
    if (row?.inStock !== true) return 'sold_out';
    return row.withinLimit ? null : 'limit_exceeded';
  }

  /** Sales that have holds that ran out, by Postgres's clock, but for these. */
  async salesWithOverdueHolds(exceptSaleIds: readonly string[]): Promise<string[]> {
    return (await this.database.rows<{ id: string }>(salesWithOverdue, [exceptSaleIds])).map(({ id }) => id);
  }

  /** Orders of a sale whose hold ran out, the longest overdue first. */
  async overdueHolds(saleId: string, limit: number): Promise<string[]> {
    return (await this.database.rows<{ id: string }>(overdue, [saleId, limit])).map(({ id }) => id);
  }

  /** What was paid for orders that this transaction has cancelled is owed to their buyers. */
  async owePayments(tx: Queryable, orderIds: readonly string[]): Promise<void> {
    await tx.rows(owePayments, [orderIds]);
  }

  /** Ends those of the orders that are in one of the states `from`. @returns the ids of those it ended */
  async end(
    tx: Queryable,
    saleId: string,
    orderIds: readonly string[],
    to: 'cancelled' | 'expired',
    from: readonly OrderStatus[],
    holds: HoldState,
  ): Promise<string[]> {
    return (await tx.rows<{ id: string }>(end, [saleId, orderIds, to, from, holds])).map(({ id }) => id);
  }
}

function toOrder(row: OrderRow): Order {
  const { reason, holdExpiresAt, items, ...order } = row;
  return {
    ...order,
    items: items ?? [],
    ...(reason === null ? {} : { reason }),
    ...(order.status === 'reserved' && holdExpiresAt !== null ? { holdExpiresAt } : {}),
  };
}
