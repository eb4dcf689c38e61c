import { Injectable } from '@nestjs/common';
import { forEachSale } from '../inventory/index.js';
import { ArchiveSale, SaleRepository } from '../sales/index.js';

/** A sale is archived so long after its last change, which as a rule is its end. */
const restHours = 24;
/** In one reconciliation, so that the other passes are not held up. */
const maxSales = 20;

/** Has Redis forget sales that have long been closed and that nothing is left to do for. */
@Injectable()
export class ArchiveSalesPass {
  constructor(
    private readonly sales: SaleRepository,
    private readonly archive: ArchiveSale,
  ) {}

  /** @returns how many sales were archived */
  async run(): Promise<number> {
    const resting = await this.sales.restingIds(restHours, maxSales);
    return forEachSale(resting, async (id) => ((await this.archive.execute(id)) ? 1 : 0));
  }
}
