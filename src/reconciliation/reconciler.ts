import { Injectable } from '@nestjs/common';
import { Queues } from '../queue/index.js';
import { Reconcile } from './reconcile.js';

/** How often the scheduler is put back, which lives in Redis: a flush takes it and all jobs away. */
const keepAliveMs = 2000;

/** Has the passes run every so often, by whichever process of the fleet gets the job. */
@Injectable()
export class Reconciler {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly queues: Queues,
    private readonly reconcile: Reconcile,
  ) {}

  start(everyMs: number): void {
    this.queues.workReconciliation(() => this.reconcile.unlessRunning());
    const schedule = (): void => {
      this.queues.scheduleReconciliation(everyMs).catch(() => undefined); // Redis is away: the next turn tries again
    };
    schedule();
    this.timer = setInterval(schedule, keepAliveMs);
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
