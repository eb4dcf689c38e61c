import { Injectable } from '@nestjs/common';
import { Metrics } from '../observability/index.js';
import { ChangeFeed, orderChannel } from '../redis/index.js';

/** Wakes whoever waits for an order, from the one subscription of this node. */
@Injectable()
export class OrderChanges {
  private readonly watchers = new Map<string, Set<() => void>>();
  private polls = 0;

  constructor(feed: ChangeFeed, metrics: Metrics) {
    const help = 'Requests with ?wait= that are being held';
    metrics.gauges({ waiting_polls: { help, acrossProcesses: 'sum' } }, () => ({ waiting_polls: this.polls }));
    feed.on(orderChannel, (message) => {
      // `saleId orderId:status orderId:status …`
      if (this.watchers.size === 0) return;
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
      const unwatch = this.watch(orderId, () => {
        stop();
      });
      const timer = setTimeout(() => {
        stop();
      }, timeoutMs);
      this.polls += 1;
      let waiting = true;
      stop = () => {
        if (waiting) this.polls -= 1;
        waiting = false;
        clearTimeout(timer);
        unwatch();
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

  /** Calls `wake` each time the order may have changed, until what is returned is called. */
  watch(orderId: string, wake: () => void): () => void {
    const others = this.watchers.get(orderId) ?? new Set();
    this.watchers.set(orderId, others.add(wake));
    return () => {
      others.delete(wake);
      if (others.size === 0 && this.watchers.get(orderId) === others) this.watchers.delete(orderId);
    };
  }

  wakeAll(): void {
    for (const orderId of [...this.watchers.keys()]) this.wake(orderId);
  }

  private wake(orderId: string): void {
    for (const wake of [...(this.watchers.get(orderId) ?? [])]) wake();
  }
}
