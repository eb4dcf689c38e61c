import { Injectable } from '@nestjs/common';
import { EndHolds, OrderRepository } from '../orders/index.js';

const batchSize = 500;

/** Ends holds that ran out, a few hundred in a transaction, until none is left. */
@Injectable()
export class ExpireHoldsPass {
  constructor(
    private readonly orders: OrderRepository,
    private readonly holds: EndHolds,
  ) {}

  /** @returns how many orders expired */
  async run(): Promise<number> {
    let expired = 0;
    for (let more = true; more;) {
      const due = await this.orders.overdueHolds(batchSize);
      const bySale = new Map<string, string[]>();
      for (const { saleId, id } of due) bySale.set(saleId, [...(bySale.get(saleId) ?? []), id]);
      for (const [saleId, ids] of bySale) expired += await this.holds.expire(saleId, ids);
      more = due.length === batchSize;
    }
    return expired;
  }
}
