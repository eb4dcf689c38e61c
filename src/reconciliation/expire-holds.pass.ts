import { Injectable } from '@nestjs/common';
import { forEachSale } from '../inventory/index.js';
import { EndHolds, OrderRepository } from '../orders/index.js';

const batchSize = 500;

/** Ends holds that ran out, a few hundred in a transaction, until none is left. */
@Injectable()
export class ExpireHoldsPass {
  constructor(
    private readonly orders: OrderRepository,
    private readonly holds: EndHolds,
  ) {}

  /** @returns how many orders expired. @throws what the first sale that failed threw, when the others are through */
  async run(): Promise<number> {
    const failures = new Map<string, unknown>();
    let expired = 0;
    for (let more = true; more;) {
      // those of a sale that failed would come first again
      const due = await this.orders.overdueHolds(batchSize, [...failures.keys()]);
      const bySale = new Map<string, string[]>();
      for (const { saleId, id } of due) bySale.set(saleId, [...(bySale.get(saleId) ?? []), id]);
      expired += await forEachSale(bySale, ([saleId, ids]) =>
        this.holds.expire(saleId, ids).catch((error: unknown) => {
          failures.set(saleId, error);
          return 0;
        }),
      );
      more = due.length === batchSize;
    }
    for (const failure of failures.values()) throw failure;
    return expired;
  }
}
