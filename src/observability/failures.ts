import { Injectable, Logger } from '@nestjs/common';

import { DomainError } from '../domain/index.js';
import type { Count, Family } from './metric-cells.js';
import { Metrics } from './metrics.js';

/** Of failures of one kind, one in so many ms is logged. */
const loggedEveryMs = 60_000;

/** Failures of work that no caller waits for, and that is tried again later: each is counted, one a minute is logged. */
@Injectable()
export class Failures {
  private readonly logger = new Logger(Failures.name);
  private readonly counts: Family<Count>;
  private readonly loggedAtMs = new Map<string, number>();

  constructor(metrics: Metrics) {
    this.counts = metrics.counters({
      name: 'background_failures_total',
      help: 'Failures of work that no request waits for, by its name; code is `error` where it is not a refusal of ours',
      labels: ['work', 'code'],
    });
  }

  /** @param work its name, from a small fixed set: a label of the metric */
  note(work: string, error: unknown): void {
    const code = error instanceof DomainError ? error.code : 'error';
    this.counts.at(work, code).add();
    const kind = `${work} ${code}`;
    const now = performance.now();
    if (now - (this.loggedAtMs.get(kind) ?? -Infinity) < loggedEveryMs) return;
    this.loggedAtMs.set(kind, now);
    this.logger.warn({ msg: `${work} failed; for a minute more of the same are only counted`, err: error });
  }
}
