import { Injectable } from '@nestjs/common';
import { doneBy, SaleVisits } from '../inventory/index.js';
import { ArchiveSale, SaleRepository } from '../sales/index.js';

/** A sale is archived so long after its last change, which as a rule is its end. */
const restHours = 24;
/** In one reconciliation, so that the other passes are not held up. */
const maxSales = 20;

/** Has Redis forget sales that have long been closed and that nothing is left to do for. */
@Injectable()
export class ArchiveSalesPass {
  /** visited since the pass last came to the end of the list: one that cannot be archived keeps no other from its turn */
  private readonly visited = new Set<string>();

  constructor(
    private readonly sales: SaleRepository,
    private readonly archive: ArchiveSale,
    private readonly visits: SaleVisits,
  ) {}

  /** @returns how many sales were archived. @throws SalesFailed where a sale failed; the others are through */
  async run(): Promise<number> {
    const resting = await this.sales.restingIds(restHours, maxSales, [...this.visited]);
    if (resting.length < maxSales) this.visited.clear();
    else for (const id of resting) this.visited.add(id);
    return doneBy(
      await this.visits.run({ name: 'archive' }, resting, async (id) => ((await this.archive.execute(id)) ? 1 : 0)),
    );
  }
}
