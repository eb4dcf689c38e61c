import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { RejectReason } from '../domain/index.js';
import { type Distribution, Metrics } from '../observability/index.js';
import { Queues, type OrdersJob } from '../queue/index.js';

/** Orders in one job: what a worker writes in one transaction at the most. */
const maxOrdersPerJob = 500;
/** How long a busy node gathers between two sends: a job costs BullMQ as much as 20 orders cost all the rest. */
const gatherMs = 8;

/**
 * Hands accepted orders to the queue. An idle node sends at once; a busy one gathers for a few milliseconds between sends. What cannot be sent is let go: it is in the outbox, and the requeue pass finds it there.
 */
@Injectable()
export class OrderIntake {
  private readonly pending = new Map<string, string[]>();
  private sending: Promise<void> | undefined;

  private readonly sizes: Distribution;

  constructor(
    private readonly queues: Queues,
    metrics: Metrics,
  ) {
    const about = { name: 'intake_batch_orders', help: 'Accepted orders that were handed to the queue in one call' };
    this.sizes = metrics.histogram(about, [1, 5, 20, 50, 100, 200, 500, 1000]);
  }

  enqueue(saleId: string, orderId: string): void {
    const ids = this.pending.get(saleId);
    if (ids === undefined) this.pending.set(saleId, [orderId]);
    else ids.push(orderId);
    this.sending ??= this.send();
  }

  /** Has the worker end an order that must not be had, instead of writing it. */
  reject(saleId: string, orderId: string, reason: RejectReason): void {
    this.queues.addOrders([{ saleId, orderIds: [orderId], rejectAs: reason }]).catch(() => undefined);
  }

  /** Resolves once nothing is under way: a node that stops waits for it. */
  async flush(): Promise<void> {
    await this.sending;
  }

  private async send(): Promise<void> {
    try {
      while (this.pending.size > 0) {
        const jobs: OrdersJob[] = [];
        let orders = 0;
        for (const [saleId, ids] of this.pending) {
          orders += ids.length;
          for (let i = 0; i < ids.length; i += maxOrdersPerJob) {
            jobs.push({ saleId, orderIds: ids.slice(i, i + maxOrdersPerJob) });
          }
        }
        this.pending.clear();
        this.sizes.observe(orders);
        await this.queues.addOrders(jobs).catch(() => undefined);
        await delay(gatherMs);
      }
    } finally {
      this.sending = undefined;
    }
  }
}
