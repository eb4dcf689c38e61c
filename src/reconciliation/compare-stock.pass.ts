import { Injectable } from '@nestjs/common';
import { ReloadSale } from '../sales/index.js';
import type { Surveyed } from './survey.js';

/** A difference that only comes from reading while orders move does not stay the same for so many looks. */
const looks = 3;
/** How many sales are reloaded at once: each holds a connection to Postgres. */
const concurrency = 4;

/**
 * Finds sales whose stock in Redis is not what Postgres says, and has them reloaded. It only suspects; the reload looks
 * again under the gate, where nothing moves, and does nothing where all is well.
 */
@Injectable()
export class CompareStockPass {
  private readonly seen = new Map<string, { readonly difference: string; readonly times: number }>();

  constructor(private readonly reload: ReloadSale) {}

  /** @returns how many sales were reloaded */
  async run(sales: readonly Surveyed[]): Promise<number> {
    const suspects = sales.filter((sale) => this.isSuspect(sale)).map(({ id }) => id);
    let reloaded = 0;
    const failures: unknown[] = [];
    const mendNext = async (): Promise<void> => {
      for (let id = suspects.pop(); id !== undefined; id = suspects.pop()) {
        try {
          if (await this.reload.mend(id)) reloaded += 1;
        } catch (error) {
          failures.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: concurrency }, mendNext));
    if (failures.length > 0) throw failures[0];
    return reloaded;
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
