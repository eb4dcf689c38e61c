import { Injectable } from '@nestjs/common';
import { MendSales } from '../sales/index.js';
import type { Surveyed } from './survey.js';

/** A difference that only comes from reading while orders move does not stay the same for so many looks. */
const looks = 3;

/**
 * Finds sales whose stock in Redis is not what Postgres says, and has them reloaded. It only suspects; the reload looks
 * again under the gate, where nothing moves, and does nothing where all is well.
 */
@Injectable()
export class CompareStockPass {
  private readonly seen = new Map<string, { readonly difference: string; readonly times: number }>();

  constructor(private readonly sales: MendSales) {}

  /** @returns how many sales were reloaded */
  async run(sales: readonly Surveyed[]): Promise<number> {
    const suspects = sales.filter((sale) => this.isSuspect(sale)).map(({ id }) => id);
    return this.sales.mendAll(suspects);
  }

  private isSuspect({ id, epoch, returns, inspection, difference }: Surveyed): boolean {
    if (!inspection.sound || inspection.epoch !== epoch) return true;
    if (difference.size === 0) {
      this.seen.delete(id);
      return false;
    }
    if (inspection.outboxSize === 0 && returns === 0) return true;
    const now = JSON.stringify([...difference]);
    const before = this.seen.get(id);
    const times = before?.difference === now ? before.times + 1 : 1;
    this.seen.set(id, { difference: now, times });
    return times >= looks;
  }
}
