import type { OrderRecord } from './journal.js';
import type { FaultKind } from './fault-kinds.js';

/** Data that a fault took from Redis for good: what it learned from `from` to `to`, ms since 1970. */
export interface Loss {
  readonly kind: FaultKind;
  /** only of this sale; left out: of all */
  readonly saleId?: string;
  readonly from: number;
  readonly to: number;
}

/** What became of Redis's data, and so which orders may be gone with them. */
export class Losses {
  private readonly all: Loss[] = [];

  lost(loss: Loss): void {
    this.all.push(loss);
  }

  get any(): boolean {
    return this.all.length > 0;
  }

  /**
   * The loss that may have taken the order away while it was nowhere else: it was reserved at some moment from the first
   * request to the first 202, and nobody had seen it out of the queue before, or still in it after. Null: none.
   */
  thatMayHaveTaken({ saleId, sentAt, answeredAt, seen }: OrderRecord): Loss | null {
    return (
      this.all.find(
        (loss) =>
          (loss.saleId === undefined || loss.saleId === saleId) &&
          sentAt <= loss.to &&
          answeredAt >= loss.from &&
          (seen.queued?.lastSent ?? 0) <= loss.to &&
          Object.entries(seen).every(([status, { first }]) => status === 'queued' || first > loss.to),
      ) ?? null
    );
  }
}
