import { Injectable } from '@nestjs/common';
import { Metrics } from '../observability/index.js';
import { MendSales } from '../sales/index.js';
import type { Surveyed } from './survey.js';

/** A drift that this process saw longer ago is no news: another reconciles now. */
const tellForMs = 60_000;

/**
 * Finds sales whose stock in Redis is not what Postgres says, and has them reloaded. It only suspects (a change may have come between
 * the two readings); the reload looks again under the gate, and does nothing where all is well.
 */
@Injectable()
export class CompareStockPass {
  private last = { drift: 0, untilMs: -Infinity };

  constructor(
    private readonly sales: MendSales,
    metrics: Metrics,
  ) {
    const help = 'Tickets that neither store accounts for, when this process last compared them';
    metrics.gauges({ drift_tickets: { help, acrossProcesses: 'max' } }, () =>
      performance.now() < this.last.untilMs ? { drift_tickets: this.last.drift } : {},
    );
  }

  /** @returns how many sales were reloaded, by this look or since the one before. @throws SalesFailed where a sale failed */
  async run(sales: readonly Surveyed[]): Promise<number> {
    const suspects = sales.filter((sale) => !isComparable(sale) || sale.difference.size > 0);
    this.last = {
      // what is to be reloaded in any case tells nothing by its numbers
      drift: suspects.reduce((sum, sale) => sum + (isComparable(sale) ? driftOf(sale) : 0), 0),
      untilMs: performance.now() + tellForMs,
    };
    return this.sales.mendAll(suspects.map(({ id }) => id));
  }
}

function isComparable({ epoch, inspection }: Surveyed): boolean {
  return inspection.sound && inspection.epoch === epoch;
}

function driftOf({ difference }: Surveyed): number {
  return [...difference.values()].reduce((sum, tickets) => sum + Math.abs(tickets), 0);
}
