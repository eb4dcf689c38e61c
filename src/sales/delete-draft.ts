import { Injectable } from '@nestjs/common';
import { DomainError } from '../domain/index.js';
import { StockStore } from '../inventory/index.js';
import { longPatienceMs } from '../postgres/index.js';
import { AuditLog, type AuditEntry } from './audit-log.js';
import { MoveSale } from './move-sale.js';
import { SaleSnapshots } from './sale-snapshots.js';
import { SaleRepository } from './sale.repository.js';

/** Deletes a sale that was never open. */
@Injectable()
export class DeleteDraft {
  constructor(
    private readonly sales: SaleRepository,
    private readonly move: MoveSale,
    private readonly stock: StockStore,
    private readonly audit: AuditLog,
    private readonly snapshots: SaleSnapshots,
  ) {}

  /** Its keys go first: were the commit lost, the next reload brings them back. @throws DomainError `not_found`, `invalid_transition` */
  async execute(saleId: string, audit: AuditEntry): Promise<void> {
    await this.move.underGate(saleId, longPatienceMs, async (tx, sale) => {
      if (sale.status !== 'draft') {
        throw new DomainError('invalid_transition', `Only a draft can be deleted; this sale is ${sale.status}.`);
      }
      await this.audit.record(tx, { ...audit, saleId });
      await this.stock.remove(saleId);
      await this.sales.delete(tx, saleId);
    });
    await this.snapshots.changed(saleId);
  }
}
