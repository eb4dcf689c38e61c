import { Injectable } from '@nestjs/common';
import { isId, notFound, saleStatuses, type Sale } from '../domain/index.js';
import { longPatienceMs, SaleGate } from '../postgres/index.js';
import { SaleFiguresReader } from './sale-figures.js';
import { SaleSnapshots } from './sale-snapshots.js';
import { SaleRepository } from './sale.repository.js';
import { viewSale, type InventoryView, type SaleView } from './sale-view.js';
import { StockReader } from './stock-reader.js';

/** Sales as people read them. All throw DomainError `unavailable`. */
@Injectable()
export class SaleQueries {
  constructor(
    private readonly gate: SaleGate,
    private readonly sales: SaleRepository,
    private readonly snapshots: SaleSnapshots,
    private readonly figures: SaleFiguresReader,
    private readonly reader: StockReader,
  ) {}

  /** A sale that the public may see. @throws DomainError `not_found` */
  async publicSale(saleId: string): Promise<SaleView> {
    return this.view(await this.snapshots.get(saleId));
  }

  /** Newest first, one more than `limit`; drafts only for admins. */
  async list(drafts: boolean, before: string | null, limit: number): Promise<SaleView[]> {
    const statuses = drafts ? saleStatuses : saleStatuses.filter((status) => status !== 'draft');
    const sales = await this.sales.list(statuses, before, limit);
    return Promise.all(sales.map((sale) => this.view(sale)));
  }

  /** Any sale, as Postgres has it now. @throws DomainError `not_found` */
  async sale(saleId: string): Promise<Sale> {
    const sale = isId(saleId) ? await this.sales.find(saleId) : null;
    if (sale === null) throw notFound('sale');
    return sale;
  }

  async view(sale: Sale): Promise<SaleView> {
    return viewSale(sale, await this.figures.read(sale));
  }

  /** Where every ticket is, exactly: under the gate nothing moves. @throws DomainError `not_found` */
  inventory(saleId: string): Promise<InventoryView> {
    return this.gate.exclusive(saleId, longPatienceMs, async (tx) => {
      const sale = await this.sales.find(saleId, tx);
      if (sale === null) throw notFound('sale');
      const { figures, sound } = await this.reader.read(sale);
      const held = await this.sales.held(saleId, tx);
      const ticketTypes = figures.map(({ ticketTypeId, capacity, available, queued, taken }) => {
        const reserved = Math.min(taken, held.get(ticketTypeId) ?? 0);
        const drift = capacity - available - queued - taken;
        return { ticketTypeId, capacity, available, queued, reserved, confirmed: taken - reserved, drift };
      });
      return { ticketTypes, consistent: sound && ticketTypes.every(({ drift }) => drift === 0) };
    });
  }
}
