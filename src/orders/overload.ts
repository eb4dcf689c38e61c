import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Config } from '../config/index.js';
import { DomainError } from '../domain/index.js';
import { Metrics } from '../observability/index.js';
import { StockStore } from '../inventory/index.js';
import { SaleSnapshots } from '../sales/index.js';
import { DeadLetterRepository } from './dead-letter.repository.js';
import { OutboxWatch, type OutboxFigures } from './outbox-watch.js';

const sampleEveryMs = 300;
/** So much of the lag's bound an order waits before it is looked up whether it is a dead letter. */
const suspiciousShare = 0.5;
const loopResolutionMs = 10;
/** Mean delay of the event loop at which buyers are better served by others; docs/operations.md has what a saturated node measures. */
const maxLoopDelayMs = 500;
/** So many samples in a row must be slow: one long turn, such as a burst of answers, fills one or two. */
const slowSamples = 3;
const maxRetryAfterSeconds = 60;

/**
 * Whether this node should take new purchases: of any sale, by its own event loop, and of each sale, by the sale's own outbox. It looks
 * a few times a second, so a purchase asks no server; when the backlog is gone, it takes purchases again by itself.
 */
@Injectable()
export class Overload {
  private readonly watch: OutboxWatch;
  private refused: ReadonlyMap<string, DomainError> = new Map();
  private drainedPerSecond: number | undefined;
  private slowInARow = 0;
  private stopping: AbortController | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly config: Config,
    private readonly sales: SaleSnapshots,
    stock: StockStore,
    deadLetters: DeadLetterRepository,
    metrics: Metrics,
  ) {
    this.watch = new OutboxWatch(stock, deadLetters);
    metrics.gauges(
      {
        overloaded: {
          help: 'Sales whose purchases this process refuses as overloaded; 1 where it refuses those of all',
          acrossProcesses: 'max',
        },
        outbox_drained_per_second: { help: 'Orders that left the outbox, a second, smoothed', acrossProcesses: 'max' },
      },
      () => ({
        overloaded: Math.max(this.refused.size, this.isSlow ? 1 : 0),
        ...(this.drainedPerSecond === undefined ? {} : { outbox_drained_per_second: this.drainedPerSecond }),
      }),
    );
  }

  /** The refusal that a new purchase in this sale must meet; null: it is welcome. */
  refusal(saleId: string): DomainError | null {
    return this.refused.get(saleId) ?? (this.isSlow ? overloaded('orders', 1) : null);
  }

  start(): void {
    this.stopping = new AbortController();
    this.running = this.run(this.stopping.signal);
  }

  async stop(): Promise<void> {
    this.stopping?.abort();
    await this.running;
  }

  private async run(signal: AbortSignal): Promise<void> {
    const loop = monitorEventLoopDelay({ resolution: loopResolutionMs });
    loop.enable();
    for (;;) {
      await delay(sampleEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) break;
      const loopDelayMs = loop.mean / 1e6 - loopResolutionMs; // NaN, which is above no bound, where nothing was recorded
      loop.reset();
      this.slowInARow = loopDelayMs > maxLoopDelayMs ? this.slowInARow + 1 : 0;
      await this.judgeSales();
    }
    loop.disable();
  }

  private get isSlow(): boolean {
    return this.slowInARow >= slowSamples;
  }

  /** Where Redis says nothing no sale is refused: a purchase will hear from Redis itself that it is away. */
  private async judgeSales(): Promise<void> {
    const { queueMaxOrders, queueMaxLagMs } = this.config;
    if (queueMaxOrders === Infinity && queueMaxLagMs === Infinity) return;
    const suspiciousMs = suspiciousShare * queueMaxLagMs;
    const seen = await this.watch.look(this.sales.recentIds(), suspiciousMs).catch(() => undefined);
    this.drainedPerSecond = seen?.drainedPerSecond;
    const waiting = [...(seen?.sales ?? [])].filter(([, { orders }]) => orders > 0);
    // a sale that is within its share is not to blame
    const share = (seen?.orders ?? 0) > queueMaxOrders ? queueMaxOrders / waiting.length : Infinity;
    this.refused = new Map(
      waiting.flatMap(([saleId, outbox]) => {
        const tooMany = excess(outbox, share, queueMaxLagMs);
        if (tooMany === 0) return [];
        const seconds = Math.ceil(tooMany / outbox.drainedPerSecond); // Infinity where nothing is drained
        return [[saleId, overloaded('orders of this sale', Math.min(Math.max(seconds, 1), maxRetryAfterSeconds))]];
      }),
    );
  }
}

function overloaded(what: string, retryAfterSeconds: number): DomainError {
  const message = `More ${what} are coming in than can be written. Try again in a moment.`;
  return new DomainError('overloaded', message, { retryAfterSeconds });
}

/** How many orders must leave a sale's outbox until it is within its bounds, if they came evenly. */
function excess({ orders, oldestMs }: OutboxFigures, maxOrders: number, maxLagMs: number): number {
  const late = oldestMs > maxLagMs ? orders * (1 - maxLagMs / oldestMs) : 0;
  return Math.max(orders - maxOrders, late, 0);
}
