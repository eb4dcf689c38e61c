import { Injectable } from '@nestjs/common';
import { StockStore } from '../inventory/index.js';
import { Database, type Statement } from '../postgres/index.js';

const undelivered: Statement = {
  name: 'returns-to-deliver',
  text: `
    SELECT r.id::text AS id, r.sale_id AS "saleId", r.epoch, o.buyer_id AS "buyerId",
      json_agg(json_build_object('ticketTypeId', i.ticket_type_id, 'quantity', i.quantity)) AS items
    FROM stock_returns r JOIN orders o ON o.id = r.order_id JOIN order_items i ON i.order_id = o.id
    WHERE ($1::uuid IS NULL OR r.order_id = $1) AND r.id > $2 AND r.sale_id <> ALL($4::uuid[])
    GROUP BY r.id, o.buyer_id ORDER BY r.id LIMIT $3`,
};

const undeliveredOfSale: Statement = {
  name: 'returns-of-sale-to-deliver',
  text: `
    SELECT r.id::text AS id, r.sale_id AS "saleId", r.epoch, o.buyer_id AS "buyerId",
      json_agg(json_build_object('ticketTypeId', i.ticket_type_id, 'quantity', i.quantity)) AS items
    FROM (SELECT * FROM stock_returns WHERE sale_id = $1 AND id > $2 ORDER BY id LIMIT $3) r
      JOIN orders o ON o.id = r.order_id JOIN order_items i ON i.order_id = o.id
    GROUP BY r.id, r.sale_id, r.epoch, o.buyer_id ORDER BY r.id`,
};

const withReturns: Statement = {
  name: 'sales-with-returns',
  text: `
    SELECT s.id FROM sales s
    WHERE s.archived_at IS NULL AND EXISTS (SELECT FROM stock_returns r WHERE r.sale_id = s.id)`,
};

const deleteRows: Statement = {
  name: 'delete-delivered-returns',
  text: 'DELETE FROM stock_returns WHERE id = ANY($1::bigint[])',
};

const batchSize = 500;

interface StockReturn {
  readonly id: string;
  readonly saleId: string;
  readonly epoch: number;
  readonly buyerId: string;
  readonly items: readonly { readonly ticketTypeId: string; readonly quantity: number }[];
}

/** Brings stock that Postgres gave back to Redis: the outbox in the other direction. Safe to repeat and to run at once. */
@Injectable()
export class ReturnStock {
  constructor(
    private readonly database: Database,
    private readonly stock: StockStore,
  ) {}

  /**
   * Delivers what is undelivered, of one order or of all. A return of another epoch, or of a sale that is not loaded,
   * stays: a reload counts it. @returns how many orders gave stock back. @throws what the first sale that failed threw,
   * when the others are through
   */
  async deliver(orderId: string | null = null): Promise<number> {
    const failures = new Map<string, unknown>();
    let delivered = 0;
    for (let last = '0', more = true; more;) {
      const except = [...failures.keys()]; // they would fail again, and take their time
      const rows = await this.database.rows<StockReturn>(undelivered, [orderId, last, batchSize, except]);
      const outcomes = await Promise.all(
        rows.map((row) =>
          this.stock.release(row.saleId, row).catch((error: unknown) => void failures.set(row.saleId, error)),
        ),
      );
      const done = rows.filter((_, i) => outcomes[i] === 'given-back' || outcomes[i] === 'already-done');
      // Dies before this line? The rows are delivered again, and `release` knows them.
      if (done.length > 0) await this.database.rows(deleteRows, [done.map(({ id }) => id)]);
      delivered += done.length;
      last = rows.at(-1)?.id ?? last;
      more = rows.length === batchSize;
    }
    for (const failure of failures.values()) throw failure;
    return delivered;
  }

  /**
   * Delivers undelivered returns of one sale, at least one batch, until there are none or `performance.now()` passes `untilMs`.
   * @returns how many orders gave stock back
   */
  async deliverSale(saleId: string, untilMs: number): Promise<number> {
    let delivered = 0;
    for (let last = '0', more = true; more;) {
      const rows = await this.database.rows<StockReturn>(undeliveredOfSale, [saleId, last, batchSize]);
      const outcomes = await Promise.all(rows.map((row) => this.stock.release(saleId, row)));
      const done = rows.filter((_, i) => outcomes[i] === 'given-back' || outcomes[i] === 'already-done');
      if (done.length > 0) await this.database.rows(deleteRows, [done.map(({ id }) => id)]);
      delivered += done.length;
      last = rows.at(-1)?.id ?? last;
      more = rows.length === batchSize && performance.now() < untilMs;
    }
    return delivered;
  }

  /** Ids of sales that have undelivered returns. */
  async salesWithReturns(): Promise<string[]> {
    return (await this.database.rows<{ id: string }>(withReturns)).map(({ id }) => id);
  }
}
