import { Injectable } from '@nestjs/common';
import { notFound, recovering, type Sale } from '../domain/index.js';
import { StockStore, type ChangeOutcome, type StockClaim } from '../inventory/index.js';
import { SaleGate, type Queryable } from '../postgres/index.js';
import { MendSales } from './mend-sales.js';
import { saleFields, SaleRepository } from './sale.repository.js';

const attempts = 3;
/** Thrown to roll back a transaction whose sale must be mended first. */
const unsound = new Error('the sale is unsound in Redis');

/** What the script `change` decided about a sale that is sound. */
export type Moved = Exclude<ChangeOutcome, { readonly kind: 'unsound' }>;

/**
 * Moves a sale that is well to its next epoch in both servers, without fencing anybody out. Whatever dies in between leaves epochs that
 * differ, or a drift: the next reload mends either. Source: docs/protocol.md, "change".
 */
@Injectable()
export class MoveSale {
  constructor(
    private readonly gate: SaleGate,
    private readonly sales: SaleRepository,
    private readonly stock: StockStore,
    private readonly mender: MendSales,
  ) {}

  /**
   * Runs `work` in a transaction that holds the sale's gate exclusively; again, after a reload, where Redis has the sale wrong. So
   * `work` must be safe to repeat after a rollback.
   * @param patienceMs how long to wait for the gate
   * @throws DomainError `not_found`, `recovering`, what `work` throws, and `unavailable` (it may have happened)
   */
  async underGate<T>(saleId: string, patienceMs: number, work: (tx: Queryable, sale: Sale) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.gate.exclusive(saleId, patienceMs, async (tx) => {
          const sale = await this.sales.find(saleId, tx);
          if (sale === null) throw notFound('sale');
          return work(tx, sale);
        });
      } catch (error) {
        if (error !== unsound) throw error;
      }
      if (attempt === attempts) throw recovering();
      await this.mender.mendNow(saleId, patienceMs);
    }
  }

  /**
   * Within `underGate`: the sale's next epoch, with these fields, so much more or less stock, and what is taken again for a buyer.
   * Where it did not change Redis, the caller undoes what it did in Postgres.
   * @param from the epoch that both servers have
   */
  async move(
    tx: Queryable,
    sale: Sale,
    from: number,
    differences: ReadonlyMap<string, number>,
    claim?: StockClaim,
  ): Promise<Moved> {
    const outcome = await this.stock.change(sale.id, { from, to: from + 1 }, saleFields(sale), differences, claim);
    if (outcome.kind === 'unsound') throw unsound;
    if (outcome.kind === 'changed') await this.sales.setEpoch(tx, sale.id, from + 1);
    return outcome;
  }
}
