import { Injectable } from '@nestjs/common';
import { type Distribution, Metrics } from '../observability/index.js';
import { longPatienceMs, SaleGate } from '../postgres/index.js';
import { AuditLog, systemActor } from './audit-log.js';
import { LoadSale } from './load-sale.js';
import { SaleSnapshots } from './sale-snapshots.js';
import { SaleRepository } from './sale.repository.js';
import { StockReader } from './stock-reader.js';

/** The one way to mend a sale that Redis has wrong, or not at all. Whatever dies in between leaves what the next reload mends. */
@Injectable()
export class ReloadSale {
  private readonly reloads: Distribution;

  constructor(
    private readonly gate: SaleGate,
    private readonly sales: SaleRepository,
    private readonly reader: StockReader,
    private readonly loader: LoadSale,
    private readonly audit: AuditLog,
    private readonly snapshots: SaleSnapshots,
    metrics: Metrics,
  ) {
    const about = { name: 'reload_duration_seconds', help: 'Reloads of a sale that Redis had wrong or not at all' };
    this.reloads = metrics.histogram(about, [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]);
  }

  /**
   * Puts Redis right where it is not as Postgres says; does nothing where all is well. Safe to repeat and to run anywhere
   * at once. @param patienceMs how long to wait for the gate; default: as an admin does. @returns whether it had to.
   * @throws DomainError `unavailable`, `recovering`
   */
  async mend(saleId: string, patienceMs = longPatienceMs): Promise<boolean> {
    const startedAt = performance.now();
    const mended = await this.gate.exclusive(saleId, patienceMs, async (tx) => {
      const sale = await this.sales.find(saleId, tx);
      if (sale?.archivedAt !== null || (await this.reader.read(sale)).well) return false;
      await this.loader.load(tx, sale);
      // the first load is part of the sale's creation
      if (sale.epoch > 0) await this.audit.record(tx, { actor: systemActor, action: 'sale.reloaded', saleId });
      return true;
    });
    if (!mended) return false;
    this.reloads.observe((performance.now() - startedAt) / 1000);
    await this.snapshots.changed(saleId);
    return true;
  }
}
