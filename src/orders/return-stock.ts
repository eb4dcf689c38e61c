import { Injectable } from '@nestjs/common';
import { unavailable } from '../domain/index.js';
import { StockStore } from '../inventory/index.js';
import { Database, type Queryable, type Statement } from '../postgres/index.js';

const salesWithReturns: Statement = {
  name: 'sales-with-returns',
  text: `
    SELECT s.id FROM sales s
    WHERE s.archived_at IS NULL AND EXISTS (SELECT FROM stock_returns r WHERE r.sale_id = s.id)`,
};

/** Whoever numbers returns or loads the sale excludes the others. A statement of its own: what follows must see what came before. */
const lockedSale = `
  SELECT loaded_epoch AS "loadedEpoch", return_batch AS "lastBatch" FROM sales
  WHERE id = $1 AND archived_at IS NULL FOR NO KEY UPDATE`;

/** Waits for the others. */
const lockSale: Statement = { name: 'lock-sale-of-returns', text: lockedSale };

/** No row: somebody numbers returns or loads the sale just now. */
const tryLockSale: Statement = { name: 'try-lock-sale-of-returns', text: `${lockedSale} SKIP LOCKED` };

const undelivered: Statement = {
  name: 'undelivered-of-orders',
  text: 'SELECT DISTINCT order_id AS id FROM stock_returns WHERE order_id = ANY($1::uuid[])',
};

const anyOfSale: Statement = {
  name: 'any-return-of-sale',
  text: 'SELECT 1 FROM stock_returns WHERE sale_id = $1 LIMIT 1',
};

/** Those of some orders first, then any, where no batch is under way. Not the oldest first: to sort them would read all of them. */
const numberReturns: Statement = {
  name: 'number-returns',
  text: `
    WITH picked AS (
      SELECT id FROM stock_returns WHERE order_id = ANY($2::uuid[]) AND batch IS NULL
      UNION ALL SELECT id FROM stock_returns WHERE sale_id = $1 AND batch IS NULL
      LIMIT $3
    ), numbered AS (
      UPDATE stock_returns r SET batch = $4 FROM picked
      WHERE r.id = picked.id AND r.batch IS NULL RETURNING 1
    )
    UPDATE sales SET return_batch = $4 WHERE id = $1 AND EXISTS (SELECT FROM numbered)`,
};

const batchUnderWay: Statement = {
  name: 'returns-under-way',
  text: `
    SELECT r.id::text AS id, r.batch, r.order_id AS "orderId", o.buyer_id AS "buyerId",
      (SELECT coalesce(json_agg(json_build_object('ticketTypeId', i.ticket_type_id, 'quantity', i.quantity)), '[]')
        FROM order_items i WHERE i.order_id = o.id) AS items
    FROM stock_returns r JOIN orders o ON o.id = r.order_id WHERE r.sale_id = $1 AND r.batch IS NOT NULL`,
};

const deleteRows: Statement = {
  name: 'delete-delivered-returns',
  text: 'DELETE FROM stock_returns WHERE id = ANY($1::bigint[])',
};

const undo: Statement = {
  name: 'undo-return',
  text: 'DELETE FROM stock_returns WHERE order_id = $1 AND batch IS NULL RETURNING id',
};

const batchSize = 500;
/** How long to wait for others who number returns of the sale, or load it. */
const patienceMs = 2500;

interface StockReturn {
  readonly id: string;
  readonly batch: number;
  readonly orderId: string;
  readonly buyerId: string;
  readonly items: readonly { readonly ticketTypeId: string; readonly quantity: number }[];
}

/**
 * Brings stock that Postgres gave back to Redis: the outbox in the other direction. Returns are numbered in batches, one of which is
 * under way at a time, so Redis tells a repeat by the number of the last. Safe to repeat and to run at once.
 * Source: docs/protocol.md, "release".
 */
@Injectable()
export class ReturnStock {
  /** by sale: what `deliverOrder` is to do next, when what it does now is done */
  private readonly next = new Map<string, { readonly orderIds: string[]; readonly done: Promise<void> }>();
  private readonly now = new Map<string, Promise<void>>();

  constructor(
    private readonly database: Database,
    private readonly stock: StockStore,
  ) {}

  /** Sales of which something is undelivered. @throws DomainError `unavailable` */
  async salesWithReturns(): Promise<string[]> {
    return (await this.database.rows<{ id: string }>(salesWithReturns)).map(({ id }) => id);
  }

  /**
   * Delivers what is undelivered in a sale: one batch at least, and more until `performance.now()` is past `untilMs`. What Redis does not
   * take (another load, not loaded) stays: a reload counts it.
   * @returns how many orders gave stock back. @throws DomainError `unavailable`
   */
  async deliverSale(saleId: string, untilMs: number): Promise<number> {
    let delivered = 0;
    do {
      const orders = await this.deliverBatch(saleId, [], tryLockSale);
      if (orders.length === 0) break;
      delivered += orders.length;
    } while (performance.now() < untilMs);
    return delivered;
  }

  /**
   * Delivers what an order gave back, before what waits in the sale. Those that come while a batch of the sale is on its way go
   * together with the next. @throws DomainError `unavailable`
   */
  deliverOrder(saleId: string, orderId: string): Promise<void> {
    const next = this.next.get(saleId);
    if (next !== undefined) {
      next.orderIds.push(orderId);
      return next.done;
    }
    const orderIds = [orderId];
    const begin = (): Promise<void> => {
      this.next.delete(saleId);
      this.now.set(saleId, done);
      return this.deliverOrders(saleId, orderIds);
    };
    const before = this.now.get(saleId) ?? Promise.resolve();
    const done = before.then(begin, begin).finally(() => {
      if (this.now.get(saleId) === done) this.now.delete(saleId);
    });
    this.next.set(saleId, { orderIds, done });
    return done;
  }

  /**
   * Takes back the return of an order that is on no way to Redis yet, within a transaction that holds the gate: Redis still counts its
   * tickets as taken, and its buyer's. False: there is none; Redis has it, or is about to.
   */
  async undo(tx: Queryable, orderId: string): Promise<boolean> {
    return (await tx.rows(undo, [orderId])).length > 0;
  }

  /** Whether anything of a sale is undelivered. */
  async isUndelivered(tx: Queryable, saleId: string): Promise<boolean> {
    return (await tx.rows<object>(anyOfSale, [saleId])).length > 0;
  }

  private async deliverOrders(saleId: string, orderIds: readonly string[]): Promise<void> {
    const untilMs = performance.now() + patienceMs;
    for (let left = orderIds; ;) {
      const delivered = await this.deliverBatch(saleId, left, lockSale);
      left = left.filter((id) => !delivered.includes(id));
      // nothing is delivered where there is nothing, or where a reload will count it
      if (left.length === 0 || delivered.length === 0) return;
      left = (await this.database.rows<{ id: string }>(undelivered, [left])).map(({ id }) => id);
      if (left.length === 0) return;
      if (performance.now() > untilMs) throw unavailable(new Error('others deliver returns of the sale all the time'));
    }
  }

  /** @returns the orders whose stock Redis has now; none: there was nothing, or nothing that it takes */
  private async deliverBatch(saleId: string, first: readonly string[], lock: Statement): Promise<string[]> {
    const batch = await this.database.transaction((tx) => this.nextBatch(tx, saleId, first, lock), {
      statementMs: patienceMs,
    });
    if (batch === null) return [];
    const outcome = await this.stock.release(saleId, { ...batch, orders: batch.returns });
    if (outcome !== 'given-back' && outcome !== 'already-done') return [];
    // Dies before this line? The batch is under way still, and `release` knows its number.
    await this.database.rows(deleteRows, [batch.returns.map(({ id }) => id)]);
    return batch.returns.map(({ orderId }) => orderId);
  }

  private async nextBatch(
    tx: Queryable,
    saleId: string,
    first: readonly string[],
    lock: Statement,
  ): Promise<{ loadedEpoch: number; number: number; returns: readonly StockReturn[] } | null> {
    const [sale] = await tx.rows<{ loadedEpoch: number; lastBatch: number }>(lock, [saleId]);
    if (sale === undefined) return null;
    let returns = await tx.rows<StockReturn>(batchUnderWay, [saleId]);
    if (returns.length === 0) {
      await tx.rows(numberReturns, [saleId, first, batchSize, sale.lastBatch + 1]);
      returns = await tx.rows<StockReturn>(batchUnderWay, [saleId]);
    }
    const number = returns[0]?.batch;
    return number === undefined ? null : { loadedEpoch: sale.loadedEpoch, number, returns };
  }
}
