import { Injectable } from '@nestjs/common';
import { Config } from '../config/index.js';
import { Database, type Statement } from '../postgres/index.js';

/** As long as one statement, and so its locks, should take. The bound is 100 ms: this leaves room for a slow moment. */
const targetMs = 40;
/** In one reconciliation, so that the other passes are not held up. */
const budgetMs = 250;
const batch = { first: 100, min: 10, max: 2000 };

const due: Statement = {
  name: 'sale-to-purge',
  text: `
    SELECT id FROM sales
    WHERE purged_at IS NULL AND archived_at < clock_timestamp() - $1 * interval '1 day' ORDER BY archived_at LIMIT 1`,
};

/**
 * Some orders of an archived sale, none of which is under way, with what was paid for them. Those whose buyer is owed a payment
 * stay. Items go with their order.
 */
const deleteOrders: Statement = {
  name: 'delete-old-orders',
  text: `
    WITH old AS (
      SELECT o.id FROM orders o WHERE o.sale_id = $1 AND o.status <> 'reserved'
        AND NOT EXISTS (SELECT FROM payments p WHERE p.order_id = o.id AND p.refund_reason IS NOT NULL)
      ORDER BY o.id LIMIT $2 FOR UPDATE
    ), paid AS (
      DELETE FROM payments p USING old WHERE p.order_id = old.id
    )
    SELECT id FROM old`,
};

const deleteRows: Statement = { name: 'delete-orders', text: 'DELETE FROM orders WHERE id = ANY($1::uuid[])' };

const deleteTotals: Statement = {
  name: 'delete-old-totals',
  text: `
    DELETE FROM buyer_totals WHERE sale_id = $1 AND buyer_id IN (
      SELECT buyer_id FROM buyer_totals WHERE sale_id = $1 ORDER BY buyer_id LIMIT $2 FOR UPDATE)
    RETURNING buyer_id`,
};

const markPurged: Statement = {
  name: 'mark-purged',
  text: 'UPDATE sales SET purged_at = clock_timestamp() WHERE id = $1',
};

/**
 * Deletes the orders of sales that were archived RETENTION_DAYS ago, and what names their buyers, a few in a transaction. What had been
 * sold of each ticket type stays: it is a figure of the sale. Of other sales nothing is deleted: their orders bind idempotency keys, count
 * for limits and make up the stock.
 */
@Injectable()
export class DeleteOldOrdersPass {
  private size = batch.first;
  /** the longest transaction of the last run, in ms */
  longestMs = 0;

  constructor(
    private readonly database: Database,
    private readonly config: Config,
  ) {}

  /** @returns how many orders were deleted */
  async run(): Promise<number> {
    const { retentionDays } = this.config;
    if (retentionDays === Infinity) return 0;
    let deleted = 0;
    this.longestMs = 0;
    for (const endsAt = performance.now() + budgetMs; performance.now() < endsAt;) {
      const [sale] = await this.database.rows<{ id: string }>(due, [retentionDays]);
      if (sale === undefined) break;
      const orders = await this.timed(() => this.deleteSome(sale.id));
      deleted += orders;
      if (orders > 0) continue;
      const totals = await this.timed(() => this.database.rows(deleteTotals, [sale.id, this.size]));
      if (totals.length === 0) await this.database.rows(markPurged, [sale.id]);
    }
    return deleted;
  }

  private deleteSome(saleId: string): Promise<number> {
    return this.database.transaction(async (tx) => {
      const old = await tx.rows<{ id: string }>(deleteOrders, [saleId, this.size]);
      if (old.length > 0) await tx.rows(deleteRows, [old.map(({ id }) => id)]);
      return old.length;
    });
  }

  /** Takes fewer the next time where it took longer than it should, and more where it was quick. */
  private async timed<T>(work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    const result = await work();
    const took = performance.now() - startedAt;
    this.longestMs = Math.max(this.longestMs, took);
    const next = this.size * Math.min(2, Math.max(0.25, targetMs / took));
    this.size = Math.round(Math.min(batch.max, Math.max(batch.min, next)));
    return result;
  }
}
