import { Injectable } from '@nestjs/common';
import { Metrics } from '../observability/index.js';
import { ChangeFeed, orderChannel } from '../redis/index.js';

/** Wakes whoever waits for an order, from the one subscription of this node. */
@Injectable()
export class OrderChanges {
  private readonly waiting = new Map<string, Set<() => void>>();

  constructor(feed: ChangeFeed, metrics: Metrics) {
    const help = 'Requests with ?wait= that are being held';
    metrics.gauges({ waiting_polls: { help, acrossProcesses: 'sum' } }, () => ({
      waiting_polls: [...this.waiting.values()].reduce((sum, { size }) => sum + size, 0),
    }));
    feed.on(orderChannel, (message) => {
      // `saleId orderId:status orderId:status …`
      if (this.waiting.size === 0) return;
      for (const part of message.split(' ').slice(1)) this.wake(part.slice(0, part.indexOf(':')));
    });
    feed.onGap(() => {
      this.wakeAll();
    });
  }

  /**
   * Begins to wait for the order's next change. `woken` resolves when there may have been one: on a change, after a gap
   * in the subscription, when the time is up, on `stop`.
   */
  wait(orderId: string, timeoutMs: number): { readonly woken: Promise<void>; readonly stop: () => void } {
    let stop = (): void => undefined;
    const woken = new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        stop();
      }, timeoutMs);
      const wake = (): void => {
        stop();
      };
      const others = this.waiting.get(orderId) ?? new Set();
      this.waiting.set(orderId, others.add(wake));
      stop = () => {
        clearTimeout(timer);
        others.delete(wake);
        if (others.size === 0 && this.waiting.get(orderId) === others) this.waiting.delete(orderId);
        resolve();
      };
    });
    return {
      woken,
      stop: () => {
        stop();
      },
    };
  }

  wakeAll(): void {
    for (const orderId of [...this.waiting.keys()]) this.wake(orderId);
  }

  private wake(orderId: string): void {
    for (const wake of [...(this.waiting.get(orderId) ?? [])]) wake();
  }
}
