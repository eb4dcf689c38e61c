import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { type Distribution, Metrics, type Span, Traces } from '../observability/index.js';
import type { Carriers } from '../queue/index.js';
import { PersistOrders } from './persist-orders.js';

/** Orders in one transaction: measured, larger ones gain nothing (design, part 3: 34,000/s at 200, 37,000/s at 500). */
const maxBatch = 500;
/** How long a busy sale gathers after a transaction: an order costs a third in one of 200 of what it costs in one of 20. */
const gatherMs = 25;

interface Waiting {
  readonly orderIds: readonly string[];
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
  /** of those of its orders that are traced */
  readonly spans: readonly Span[];
}

/**
 * Gathers the jobs of a sale into as few transactions as may be, one after the other: they would only wait for each other at
 * the gate. A job that comes alone is written at once, one that comes soon after others waits for more. Different sales go side by
 * side.
 */
@Injectable()
export class OrderBatches {
  private readonly queues = new Map<string, Waiting[]>();

  private readonly sizes: Distribution;

  constructor(
    private readonly persist: PersistOrders,
    metrics: Metrics,
    private readonly traces: Traces = Traces.off,
  ) {
    const about = { name: 'persist_batch_orders', help: 'Orders that one transaction was to write' };
    this.sizes = metrics.histogram(about, [1, 5, 20, 50, 100, 200, 500, 1000]);
  }

  /** Resolves once these orders are written and settled. @throws what `PersistOrders` throws for their batch */
  write(saleId: string, orderIds: readonly string[], carriers: Carriers = {}): Promise<void> {
    return new Promise((done, failed) => {
      const waiting = { orderIds, done, failed, spans: this.startSpans(carriers) };
      const queue = this.queues.get(saleId);
      if (queue !== undefined) {
        queue.push(waiting);
        return;
      }
      const started = [waiting];
      this.queues.set(saleId, started);
      void this.drain(saleId, started);
    });
  }

  private startSpans(carriers: Carriers): Span[] {
    if (!this.traces.on) return [];
    return Object.entries(carriers).flatMap(([orderId, parent]) => {
      const attributes = { 'sluice.order_id': orderId };
      return this.traces.start('job', { kind: 'consumer', parent, attributes }) ?? [];
    });
  }

  /** The batch's span is part of the first order's trace, and links to every order in it. */
  private async traced(batch: readonly Waiting[], orders: number, work: () => Promise<void>): Promise<void> {
    if (!this.traces.on) return work();
    const spans = batch.flatMap((waiting) => waiting.spans);
    const links = spans.flatMap(({ traceparent }) => traceparent ?? []);
    const attributes = { 'sluice.orders': orders };
    const span = this.traces.start('write batch', { kind: 'internal', parent: links[0], links, attributes });
    const end = (error?: unknown): void => {
      for (const one of [...spans, span]) one?.end(error);
    };
    try {
      await this.traces.within(span, work);
      end();
    } catch (error) {
      end(error);
      throw error;
    }
  }

  private async drain(saleId: string, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) {
      const batch: Waiting[] = [];
      let size = 0;
      for (let next = queue[0]; next !== undefined; next = queue[0]) {
        if (size > 0 && size + next.orderIds.length > maxBatch) break;
        size += next.orderIds.length;
        batch.push(next);
        queue.shift();
      }
      this.sizes.observe(size);
      try {
        await this.traced(batch, size, () =>
          this.persist.execute(
            saleId,
            batch.flatMap(({ orderIds }) => orderIds),
          ),
        );
        for (const { done } of batch) done();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
      if (sizeOf(queue) < maxBatch) await delay(gatherMs);
    }
    this.queues.delete(saleId);
  }
}

function sizeOf(queue: readonly Waiting[]): number {
  return queue.reduce((sum, { orderIds }) => sum + orderIds.length, 0);
}
