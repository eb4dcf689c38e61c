import { Injectable } from '@nestjs/common';
import { doneBy, SaleVisits } from '../inventory/index.js';
import { ReturnStock } from '../orders/index.js';

/** No sale goes on for longer; each delivers at least one batch. */
const budgetMs = 700;

/** Brings stock of ended orders back to Redis, of all sales side by side. */
@Injectable()
export class ReturnStockPass {
  constructor(
    private readonly returns: ReturnStock,
    private readonly visits: SaleVisits,
  ) {}

  /** @returns how many orders gave stock back. @throws SalesFailed where a sale failed; the others are through */
  async run(): Promise<number> {
    const untilMs = performance.now() + budgetMs;
    const sales = await this.returns.salesWithReturns();
    return doneBy(
      await this.visits.run({ name: 'return' }, sales, (saleId) => this.returns.deliverSale(saleId, untilMs)),
    );
  }
}
