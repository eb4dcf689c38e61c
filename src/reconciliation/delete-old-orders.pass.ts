import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import pg from 'pg';
import { Config } from '../config/index.js';
import { unavailable } from '../domain/index.js';
import { SalesFailed } from '../inventory/index.js';
import { Database, type Statement } from '../postgres/index.js';

/** As long as one statement, and so its locks, should take, in ms. */
const targetMs = 25;
/** What takes longer is cut off, in ms. No lock may last for 100 ms: this leaves room for what a busy machine adds. */
const boundMs = 50;
/** In one reconciliation, so that the other passes are not held up. */
const budgetMs = 250;
const batch = { first: 100, max: 2000 };
/** A sale whose orders cannot be deleted does not keep others from their turn. */
const setAsideMs = 5000;

const due: Statement = {
  name: 'sale-to-purge',
  text: `
    SELECT id FROM sales
    WHERE purged_at IS NULL AND archived_at < statement_timestamp() - $1 * interval '1 day' AND id <> ALL($2::uuid[])
    ORDER BY archived_at LIMIT 1`,
};

/**
 * Some orders of an archived sale, none of which is under way, with what was paid for them. Those whose buyer is owed a payment
 * stay. Items go with their order.
 */
const deleteOrders = (saleId: string, limit: number): string => `
  WITH old AS (
    SELECT o.id FROM orders o WHERE o.sale_id = ${pg.escapeLiteral(saleId)} AND o.status <> 'reserved'
      AND NOT EXISTS (SELECT FROM payments p WHERE p.order_id = o.id AND p.refund_reason IS NOT NULL)
    ORDER BY o.id LIMIT ${limit} FOR UPDATE
  ), paid AS (
    DELETE FROM payments p USING old WHERE p.order_id = old.id
  )
  DELETE FROM orders o USING old WHERE o.id = old.id RETURNING o.id`;

const deleteTotals = (saleId: string, limit: number): string => `
  DELETE FROM buyer_totals WHERE sale_id = ${pg.escapeLiteral(saleId)} AND buyer_id IN (
    SELECT buyer_id FROM buyer_totals WHERE sale_id = ${pg.escapeLiteral(saleId)} ORDER BY buyer_id LIMIT ${limit} FOR UPDATE)
  RETURNING buyer_id`;

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
  private readonly setAside = new LRUCache<string, true>({ max: 1000, ttl: setAsideMs });

  constructor(
    private readonly database: Database,
    private readonly config: Config,
  ) {}

  /** @returns how many orders were deleted. @throws SalesFailed where those of a sale cannot be, such as one that takes too long */
  async run(): Promise<number> {
    const { retentionDays } = this.config;
    if (retentionDays === Infinity) return 0;
    let deleted = 0;
    const failures: unknown[] = [];
    for (const endsAt = performance.now() + budgetMs; performance.now() < endsAt;) {
      const [sale] = await this.database.rows<{ id: string }>(due, [retentionDays, [...this.setAside.keys()]]);
      if (sale === undefined) break;
      try {
        deleted += await this.deleteSome(sale.id);
      } catch (error) {
        failures.push(error);
        this.setAside.set(sale.id, true);
        this.size = batch.first;
      }
    }
    if (failures.length > 0) throw new SalesFailed(deleted, failures[0]);
    return deleted;
  }

  /** @returns how many orders were deleted */
  private async deleteSome(saleId: string): Promise<number> {
    const orders = await this.some(deleteOrders, saleId);
    if (orders !== 0) return orders ?? 0;
    const totals = await this.some(deleteTotals, saleId);
    if (totals === 0) await this.database.rows(markPurged, [saleId]);
    return 0;
  }

  /**
   * Takes fewer the next time where it took longer than it should, and more where it was quick.
   * @returns how many rows were deleted; null: none, as it took too long
   */
  private async some(statement: (saleId: string, limit: number) => string, saleId: string): Promise<number | null> {
    const { size } = this;
    const startedAt = performance.now();
    const rows = await this.database.brief(statement(saleId, size), boundMs);
    const took = performance.now() - startedAt;
    if (rows === null && size === 1) throw unavailable('a single old order takes too long to delete');
    const next = size * (rows === null ? 0.25 : Math.min(2, Math.max(0.25, targetMs / took)));
    this.size = Math.min(batch.max, Math.max(1, Math.round(next)));
    return rows?.length ?? null;
  }
}
