import { Injectable } from '@nestjs/common';
import { doneBy, SaleVisits } from '../inventory/index.js';
import { EndHolds, OrderRepository, ReturnStock } from '../orders/index.js';

const batchSize = 500;
/** No round begins after this. The first always does. */
const budgetMs = 1000;
/** How long a batch's stock is brought back before the next batch; the returns pass does what is left. */
const deliverMs = 100;
const kind = { name: 'expire' };

/**
 * Ends holds that ran out, in rounds: in each, one batch of every sale that has any, and at once the stock of that batch goes back on
 * sale. So a crowd of lapsing holds delays no other sale, and its own first tickets do not wait for its last.
 */
@Injectable()
export class ExpireHoldsPass {
  /** orders whose stock came back with their batch, and that `takeReturned` has not told */
  private returned = 0;

  constructor(
    private readonly orders: OrderRepository,
    private readonly holds: EndHolds,
    private readonly returns: ReturnStock,
    private readonly visits: SaleVisits,
  ) {}

  /** @returns how many orders expired. @throws SalesFailed where a sale failed; the others are through */
  async run(): Promise<number> {
    const failures = new Map<string, unknown>();
    const untilMs = performance.now() + budgetMs;
    const crowded = { last: true };
    let expired = 0;
    while (crowded.last) {
      crowded.last = false;
      const sales = await this.orders.salesWithOverdueHolds([...failures.keys(), ...this.visits.underWay(kind)]);
      const visited = await this.visits.run(kind, sales, async (saleId) => {
        const count = await this.batch(saleId);
        if (count === batchSize) crowded.last = true;
        return count;
      });
      expired += visited.done;
      for (const [saleId, error] of visited.failures) failures.set(saleId, error);
      if (performance.now() > untilMs) break;
    }
    return doneBy({ done: expired, failures });
  }

  /** How many orders had their stock returned by this pass since this was last asked. */
  takeReturned(): number {
    const { returned } = this;
    this.returned = 0;
    return returned;
  }

  private async batch(saleId: string): Promise<number> {
    const expired = await this.holds.expire(saleId, await this.orders.overdueHolds(saleId, batchSize));
    try {
      const returned = await this.returns.deliverSale(saleId, performance.now() + deliverMs);
      this.returned += returned;
    } catch {
      // the returns pass comes next, and tells why it fails
    }
    return expired;
  }
}
