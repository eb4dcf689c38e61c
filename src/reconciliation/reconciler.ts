import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Reconcile } from './reconcile.js';

/** The least pause between two reconciliations, as a part of the interval: the servers are there for buyers, too. */
const leastPause = 0.1;

/**
 * Runs the passes every so often while this process lives. A timer of its own: a scheduler in Redis goes with Redis's data, and
 * stops for hours where the clock of the process that set it jumped.
 */
@Injectable()
export class Reconciler {
  private readonly logger = new Logger(Reconciler.name);
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(private readonly reconcile: Reconcile) {}

  start(everyMs: number): void {
    this.running = this.run(everyMs);
  }

  /** Resolves when the pass in hand is over. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(everyMs: number): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const startedAt = performance.now();
      await this.reconcile.unlessRunning(signal).catch((error: unknown) => {
        this.logger.warn(error); // what was left undone is done by the next
      });
      const pauseMs = Math.max(leastPause * everyMs, everyMs - (performance.now() - startedAt));
      await delay(pauseMs, undefined, { signal }).catch(() => undefined); // stopped
    }
  }
}
