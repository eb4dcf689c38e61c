import { Injectable } from '@nestjs/common';
import { forEachSale, StockStore } from '../inventory/index.js';
import { DeadLetterRepository } from '../orders/index.js';
import { Queues } from '../queue/index.js';
import type { Surveyed } from './survey.js';

/** An order that waits for longer than this, and for longer than every job, has lost its job. */
const orphanAfterMs = 5000;
/** An order that waits for longer than this is queued again whatever the jobs say: a job's age is what a node's clock said. */
const orphanAnywayAfterMs = 30_000;
/** With a long backlog every order is old: the same ones are not queued again and again. */
const againAfterMs = 10_000;
/** By how much the clocks of nodes and of Redis may differ. */
const clockSkewMs = 1000;
const ordersPerJob = 500;

/** Queues orders of the outbox whose job was lost, but no dead letters. One that was not lost meets them twice, which changes nothing. */
@Injectable()
export class RequeueOrdersPass {
  /** sales of which orders were queued again a moment ago, by `performance.now()` */
  private readonly requeuedAt = new Map<string, number>();

  constructor(
    private readonly stock: StockStore,
    private readonly queues: Queues,
    private readonly deadLetters: DeadLetterRepository,
  ) {}

  /** @returns how many orders were queued again */
  async run(sales: readonly Surveyed[]): Promise<number> {
    const old = sales.filter(({ inspection: { oldestAt, now } }) => isOrphan(oldestAt, now.getTime()));
    if (old.length === 0) return 0;
    const oldestJob = await this.queues.oldestOrdersJobAt();
    for (const [id, at] of this.requeuedAt) if (performance.now() - at >= againAfterMs) this.requeuedAt.delete(id);
    return forEachSale(old, async ({ id, inspection }) => {
      if (oldestJob !== null && this.requeuedAt.has(id)) return 0;
      const now = inspection.now.getTime();
      // Whatever is older than the oldest job has none; with no job at all that is every order that is old.
      const withoutJob = Math.min(now - orphanAfterMs, (oldestJob?.getTime() ?? Infinity) - clockSkewMs);
      const before = Math.max(withoutJob, now - orphanAnywayAfterMs);
      const count = await this.requeue(id, new Date(before));
      if (count > 0) this.requeuedAt.set(id, performance.now());
      return count;
    });
  }

  private async requeue(saleId: string, before: Date): Promise<number> {
    const dead = await this.deadLetters.deadOf(saleId);
    const ids = (await this.stock.queuedBefore(saleId, before)).filter((id) => !dead.has(id));
    for (let i = 0; i < ids.length; i += ordersPerJob) {
      await this.queues.addOrders([{ saleId, orderIds: ids.slice(i, i + ordersPerJob) }]);
    }
    return ids.length;
  }
}

function isOrphan(oldestAt: Date | null, nowMs: number): boolean {
  return oldestAt !== null && nowMs - oldestAt.getTime() > orphanAfterMs;
}
