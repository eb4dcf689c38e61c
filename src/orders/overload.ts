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
 * Whether this node should take new purchases. It looks at the outboxes and at its own event loop a few times a second, so a
 * purchase asks no server; when the backlog is gone, it takes purchases again by itself.
 */
@Injectable()
export class Overload {
  private readonly watch: OutboxWatch;
  private retryAfterSeconds: number | null = null;
  private outbox: OutboxFigures | undefined;
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
        overloaded: { help: '1 while this process refuses purchases as overloaded', acrossProcesses: 'sum' },
        outbox_drained_per_second: { help: 'Orders that left the outbox, a second, smoothed', acrossProcesses: 'max' },
      },
      () => ({
        overloaded: this.retryAfterSeconds === null ? 0 : 1,
        ...(this.outbox === undefined ? {} : { outbox_drained_per_second: this.outbox.drainedPerSecond }),
      }),
    );
  }

  /** The refusal that a new purchase must meet; null: it is welcome. */
  refusal(): DomainError | null {
    if (this.retryAfterSeconds === null) return null;
    return new DomainError('overloaded', 'More orders are coming in than can be written. Try again in a moment.', {
      retryAfterSeconds: this.retryAfterSeconds,
    });
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
      this.outbox = await this.lookAtOutbox();
      this.retryAfterSeconds = this.judge(this.outbox);
    }
    loop.disable();
  }

  /** undefined: nobody knows; a purchase will hear from Redis itself that it is away */
  private async lookAtOutbox(): Promise<OutboxFigures | undefined> {
    const { queueMaxOrders, queueMaxLagMs } = this.config;
    if (queueMaxOrders === Infinity && queueMaxLagMs === Infinity) return undefined;
    return this.watch.look(this.sales.recentIds(), suspiciousShare * queueMaxLagMs).catch(() => undefined);
  }

  /** Seconds until it may be over; null: this node is not overloaded. */
  private judge(outbox: OutboxFigures | undefined): number | null {
    const tooMany = outbox === undefined ? 0 : excess(outbox, this.config.queueMaxOrders, this.config.queueMaxLagMs);
    if (outbox !== undefined && tooMany > 0) {
      const seconds = Math.ceil(tooMany / outbox.drainedPerSecond); // Infinity where nothing is drained
      return Math.min(Math.max(seconds, 1), maxRetryAfterSeconds);
    }
    return this.slowInARow >= slowSamples ? 1 : null;
  }
}

/** How many orders must leave the outbox until it is within its bounds, if they came evenly. */
function excess({ orders, oldestMs }: OutboxFigures, maxOrders: number, maxLagMs: number): number {
  const late = oldestMs > maxLagMs ? orders * (1 - maxLagMs / oldestMs) : 0;
  return Math.max(orders - maxOrders, late, 0);
}
