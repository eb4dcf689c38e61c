import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { RejectReason } from '../domain/index.js';
import { type Distribution, Metrics } from '../observability/index.js';
import { Queues, type OrdersJob } from '../queue/index.js';

/** Orders in one job: what a worker writes in one transaction at the most. */
const maxOrdersPerJob = 500;
/** Jobs in one call: a stalled event loop must not end in one that holds Redis up. 20 KB of ids each. */
const maxJobsPerCall = 10;
/** How long a busy node gathers between two sends: a job costs BullMQ as much as 20 orders cost all the rest. */
const gatherMs = 5;
/** How long it waits for the answer to the last one: with the above, no order waits for more than 10 ms. */
const patienceMs = 5;

/**
 * Hands accepted orders to the queue. An idle node sends at once; a busy one gathers for a few milliseconds between sends. What cannot be sent is let go: it is in the outbox, and the requeue pass finds it there.
 */
@Injectable()
export class OrderIntake {
  private readonly pending = new Map<string, string[]>();
  private sending: Promise<void> | undefined;
  /** calls that Redis has not answered */
  private readonly underWay = new Set<Promise<void>>();
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
    await Promise.all(this.underWay);
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
        await Promise.race([this.handOver(jobs), delay(patienceMs)]);
        await delay(gatherMs);
      }
    } finally {
      this.sending = undefined;
    }
  }

  private async handOver(jobs: readonly OrdersJob[]): Promise<void> {
    for (let i = 0; i < jobs.length; i += maxJobsPerCall) {
      const call = this.queues.addOrders(jobs.slice(i, i + maxJobsPerCall)).catch(() => undefined);
      this.underWay.add(call);
      void call.then(() => this.underWay.delete(call));
    }
    await Promise.all(this.underWay);
  }
}
