import { Injectable } from '@nestjs/common';
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
    let archived = 0;
    for (const id of await this.sales.restingIds(restHours, maxSales))
      if (await this.archive.execute(id)) archived += 1;
    return archived;
  }
}
