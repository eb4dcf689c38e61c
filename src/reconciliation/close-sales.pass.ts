import { Injectable } from '@nestjs/common';
import type { Sale } from '../domain/index.js';
import { doneBy, SaleVisits } from '../inventory/index.js';
import { briefPatienceMs } from '../postgres/index.js';
import { ChangeSale, moved, SaleRepository, systemActor } from '../sales/index.js';
import type { Surveyed } from './survey.js';

/** Closes sales whose time is over, by Redis's clock: the one by which they sell. */
@Injectable()
export class CloseSalesPass {
  constructor(
    private readonly sales: SaleRepository,
    private readonly changes: ChangeSale,
    private readonly visits: SaleVisits,
  ) {}

  /** @returns how many sales it closed. @throws SalesFailed where a sale failed; the others are through */
  async run(surveyed: readonly Surveyed[]): Promise<number> {
    const now = surveyed[0]?.inspection.now;
    if (now === undefined) return 0;
    const visited = await this.visits.run({ name: 'close' }, await this.sales.overIds(now), async (id) => {
      // an admin may have closed it, or moved its end, since the look
      const close = (sale: Sale): Sale =>
        sale.status !== 'closed' && sale.closesAt <= now ? moved(sale, 'close') : sale;
      await this.changes.execute(id, { actor: systemActor, action: 'sale.closed' }, close, briefPatienceMs);
      return 1;
    });
    return doneBy(visited);
  }
}
