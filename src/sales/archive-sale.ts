import { Injectable } from '@nestjs/common';
import { StockStore } from '../inventory/index.js';
import { briefPatienceMs, SaleGate, type Statement } from '../postgres/index.js';
import { AuditLog, systemActor } from './audit-log.js';
import { SaleSnapshots } from './sale-snapshots.js';
import { isAtRest, SaleRepository } from './sale.repository.js';
import { StockReader } from './stock-reader.js';

/** Under the gate nobody writes an order, and no hold comes up again: an expired order is taken again only under it. */
const archive: Statement = {
  name: 'archive-sale',
  text: `
    UPDATE sales s SET archived_at = clock_timestamp()
    WHERE s.id = $1 AND ${isAtRest}
    RETURNING id`,
};

/**
 * With the outbox empty these are of orders that were destroyed with Redis before they were dead letters, or after an admin
 * had decided: nobody sees them, and nobody will write them.
 */
const dropDeadLetters: Statement = {
  name: 'drop-dead-letters',
  text: 'DELETE FROM dead_letters WHERE sale_id = $1',
};

const dropReturns: Statement = { name: 'drop-returns', text: 'DELETE FROM stock_returns WHERE sale_id = $1' };

/**
 * Has Redis forget a closed sale: from then on Postgres alone answers for it. It is never loaded again, and stock that comes back is only
 * counted in Postgres.
 */
@Injectable()
export class ArchiveSale {
  constructor(
    private readonly gate: SaleGate,
    private readonly sales: SaleRepository,
    private readonly stock: StockStore,
    private readonly reader: StockReader,
    private readonly audit: AuditLog,
    private readonly snapshots: SaleSnapshots,
  ) {}

  /**
   * Safe to repeat and to run anywhere at once. Dies before the commit? The sale is one that Redis lost: it is reloaded, and archived later.
   * @returns false: something is still to be done for the sale, or it was archived before
   */
  async execute(saleId: string): Promise<boolean> {
    const archived = await this.gate.exclusive(saleId, briefPatienceMs, async (tx) => {
      const sale = await this.sales.find(saleId, tx);
      if (sale === null) return false;
      // what is unsound may hide an outbox: the reload counts it first
      const { well, inspection } = await this.reader.read(sale);
      if (!well || inspection.outboxSize > 0) return false;
      if ((await tx.rows(archive, [saleId])).length === 0) return false;
      await tx.rows(dropReturns, [saleId]);
      await tx.rows(dropDeadLetters, [saleId]);
      await this.audit.record(tx, { actor: systemActor, action: 'sale.archived', saleId });
      await this.stock.remove(saleId);
      return true;
    });
    if (archived) await this.snapshots.changed(saleId);
    return archived;
  }
}
