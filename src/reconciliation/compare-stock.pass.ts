import { Injectable } from '@nestjs/common';
import { Metrics } from '../observability/index.js';
import { MendSales } from '../sales/index.js';
import type { Surveyed } from './survey.js';

/** A difference that only comes from reading while orders move does not stay the same for so many looks. */
const looks = 3;

/** A drift that this process saw longer ago is no news: another reconciles now. */
const tellForMs = 60_000;

interface Seen {
  readonly difference: string;
  /** looks at which it was the same */
  readonly times: number;
}

/**
 * Finds sales whose stock in Redis is not what Postgres says, and has them reloaded. It only suspects; the reload looks
 * again under the gate, where nothing moves, and does nothing where all is well.
 */
@Injectable()
export class CompareStockPass {
  /** differences of the last look, by sale */
  private seen: ReadonlyMap<string, Seen> = new Map();

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
    const seen = new Map<string, Seen>();
    const suspects = sales.filter((sale) => this.isSuspect(sale, seen));
    this.seen = seen;
    this.last = {
      drift: suspects.reduce((sum, sale) => sum + driftOf(sale), 0),
      untilMs: performance.now() + tellForMs,
    };
    return this.sales.mendAll(suspects);
  }

  private isSuspect({ id, epoch, hasReturns, inspection, difference }: Surveyed, seen: Map<string, Seen>): boolean {
    if (!inspection.sound || inspection.epoch !== epoch) return true;
    if (difference.size === 0) return false;
    if (inspection.outboxSize === 0 && !hasReturns) return true;
    const now = JSON.stringify([...difference]);
    const before = this.seen.get(id);
    const times = before?.difference === now ? before.times + 1 : 1;
    seen.set(id, { difference: now, times });
    return times >= looks;
  }
}

function driftOf({ difference }: Surveyed): number {
  return [...difference.values()].reduce((sum, tickets) => sum + Math.abs(tickets), 0);
}
