import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { RejectReason } from '../domain/index.js';
import { type Distribution, Failures, Metrics, type Span, Traces } from '../observability/index.js';
import { Queues, type Carriers, type OrdersJob } from '../queue/index.js';

/** Orders in one job: what a worker writes in one transaction at the most. */
const maxOrdersPerJob = 500;
/** Jobs in one call: a stalled event loop must not end in one that holds Redis up. 20 KB of ids each. */
const maxJobsPerCall = 10;
/** How long a busy node gathers between two sends: a job costs BullMQ as much as 20 orders cost all the rest. */
const gatherMs = 5;
/** How long it waits for the answer to the last one: with the above, no order waits for more than 10 ms. */
const patienceMs = 5;

/**
 * Hands accepted orders to the queue. An idle node sends at once; a busy one gathers for a few milliseconds between sends. What cannot be
 * sent is counted and let go: it is in the outbox, and the requeue pass finds it there.
 */
@Injectable()
export class OrderIntake {
  private readonly pending = new Map<string, string[]>();
  private sending: Promise<void> | undefined;
  /** of orders that are on their way to the queue, where traces are on */
  private readonly spans = new Map<string, Span>();
  /** calls that Redis has not answered */
  private readonly underWay = new Set<Promise<void>>();
  private readonly sizes: Distribution;

  constructor(
    private readonly queues: Queues,
    metrics: Metrics,
    private readonly failures: Failures,
    private readonly traces: Traces = Traces.off,
  ) {
    const about = { name: 'intake_batch_orders', help: 'Accepted orders that were handed to the queue in one call' };
    this.sizes = metrics.histogram(about, [1, 5, 20, 50, 100, 200, 500, 1000]);
  }

  enqueue(saleId: string, orderId: string): void {
    const ids = this.pending.get(saleId);
    if (ids === undefined) this.pending.set(saleId, [orderId]);
    else ids.push(orderId);
    if (this.traces.on) this.startSpan(orderId);
    this.sending ??= this.send();
  }

  /** Has the worker end an order that must not be had, instead of writing it. */
  reject(saleId: string, orderId: string, reason: RejectReason): void {
    this.queues.addOrders([{ saleId, orderIds: [orderId], rejectAs: reason }]).catch((error: unknown) => {
      this.failures.note('intake', error);
    });
  }

  /** Resolves once nothing is under way: a node that stops waits for it. */
  async flush(): Promise<void> {
    await this.sending;
    await Promise.all(this.underWay);
  }

  private startSpan(orderId: string): void {
    const parent = this.traces.current();
    const span =
      parent && this.traces.start('intake', { kind: 'producer', parent, attributes: { 'sluice.order_id': orderId } });
    if (span) this.spans.set(orderId, span);
  }

  /** What the job takes along of the traces of its orders: nothing at all where there are none. */
  private carriers(orderIds: readonly string[]): { readonly traces?: Carriers } {
    if (this.spans.size === 0) return {};
    const found = orderIds.flatMap((id) => {
      const traceparent = this.spans.get(id)?.traceparent;
      return traceparent === undefined ? [] : [[id, traceparent] as const];
    });
    return found.length === 0 ? {} : { traces: Object.fromEntries(found) };
  }

  private endSpans(jobs: readonly OrdersJob[], error?: unknown): void {
    for (const id of jobs.flatMap(({ traces = {} }) => Object.keys(traces))) {
      this.spans.get(id)?.end(error);
      this.spans.delete(id);
    }
  }

  private async send(): Promise<void> {
    try {
      while (this.pending.size > 0) {
        const jobs: OrdersJob[] = [];
        let orders = 0;
        for (const [saleId, ids] of this.pending) {
          orders += ids.length;
          for (let i = 0; i < ids.length; i += maxOrdersPerJob) {
            const orderIds = ids.slice(i, i + maxOrdersPerJob);
            jobs.push({ saleId, orderIds, ...this.carriers(orderIds) });
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
      const part = jobs.slice(i, i + maxJobsPerCall);
      const call = this.queues.addOrders(part).then(
        () => {
          this.endSpans(part);
        },
        (error: unknown) => {
          this.endSpans(part, error);
          this.failures.note('intake', error);
        },
      );
      this.underWay.add(call);
      void call.then(() => this.underWay.delete(call));
    }
    await Promise.all(this.underWay);
  }
}
