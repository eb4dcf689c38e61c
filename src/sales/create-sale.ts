import { Injectable } from '@nestjs/common';
import { DomainError, type Sale } from '../domain/index.js';
import { Database } from '../postgres/index.js';
import { AuditLog } from './audit-log.js';
import { ReloadSale } from './reload-sale.js';
import { newSale, type SaleInput } from './sale-edit.js';
import { SaleRepository, type Creation } from './sale.repository.js';

/** Creates a draft and puts it into Redis. The same idempotency key is safe to retry. @throws DomainError `idempotency_key_reused` */
@Injectable()
export class CreateSale {
  constructor(
    private readonly database: Database,
    private readonly sales: SaleRepository,
    private readonly reload: ReloadSale,
    private readonly audit: AuditLog,
  ) {}

  async execute(
    actor: string,
    input: SaleInput,
    creation: Creation | null,
  ): Promise<{ sale: Sale; replayed: boolean }> {
    const sale = newSale(input);
    const created = await this.database.transaction(async (tx) => {
      if (!(await this.sales.insert(tx, sale, creation))) return false;
      await this.audit.record(tx, { actor, action: 'sale.created', saleId: sale.id, details: { name: sale.name } });
      return true;
    });
    const known = created || creation === null ? sale : await this.replay(creation);
    // Dies before this line? The sale is in Postgres, and the next reconciliation loads it.
    await this.reload.mend(known.id);
    return { sale: (await this.sales.find(known.id)) ?? known, replayed: !created };
  }

  private async replay(creation: Creation): Promise<Sale> {
    const known = await this.sales.findCreation(creation.key);
    if (known !== null && known.hash !== creation.hash) {
      throw new DomainError('idempotency_key_reused', 'This Idempotency-Key was used for another sale.');
    }
    const sale = known === null ? null : await this.sales.find(known.id);
    if (sale === null) throw new DomainError('not_found', 'The sale that this Idempotency-Key made was deleted.');
    return sale;
  }
}
