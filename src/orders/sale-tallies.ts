import { Injectable } from '@nestjs/common';
import { bucketOf } from '../observability/index.js';

/**
 * What happened in one sale, by field: `outcome:CODE` purchases, `written` orders that were committed,
 * `purchase:BUCKET` and `commit:BUCKET` their times.
 */
export type Tally = Map<string, number>;

/** What happened in each sale in this process since somebody last took it away. */
@Injectable()
export class SaleTallies {
  /** Redis's clock minus ours, in ms, as far as it is known: orders are stamped by that */
  clockOffsetMs = 0;
  private tallies = new Map<string, Tally>();

  /** @param ms from the request to its answer */
  purchase(saleId: string, outcome: string, ms: number): void {
    const tally = this.of(saleId);
    add(tally, `outcome:${outcome}`);
    add(tally, `purchase:${bucketOf(ms)}`);
  }

  /** Orders were committed just now. @param takenAt when each was accepted */
  written(saleId: string, takenAt: readonly Date[]): void {
    const nowMs = Date.now() + this.clockOffsetMs;
    const tally = this.of(saleId);
    for (const at of takenAt) {
      add(tally, 'written');
      add(tally, `commit:${bucketOf(nowMs - at.getTime())}`);
    }
  }

  /** Gives what was counted, by sale, and begins anew. */
  take(): ReadonlyMap<string, Tally> {
    const taken = this.tallies;
    if (taken.size > 0) this.tallies = new Map();
    return taken;
  }

  private of(saleId: string): Tally {
    let tally = this.tallies.get(saleId);
    if (tally === undefined) this.tallies.set(saleId, (tally = new Map<string, number>()));
    return tally;
  }
}

function add(tally: Tally, field: string): void {
  tally.set(field, (tally.get(field) ?? 0) + 1);
}
