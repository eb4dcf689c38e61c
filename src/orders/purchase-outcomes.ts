import { Injectable } from '@nestjs/common';
import { DomainError } from '../domain/index.js';
import { Metrics, type Count, type Family } from '../observability/index.js';

/** Counts what became of purchases that were well formed. */
@Injectable()
export class PurchaseOutcomes {
  private readonly outcomes: Family<Count>;

  constructor(metrics: Metrics) {
    this.outcomes = metrics.counters({
      name: 'purchases_total',
      help: 'Purchases by what became of them: accepted, replayed, or the code of the refusal',
      labels: ['outcome'],
    });
  }

  /** The same promise, counted. */
  of<Answer extends { readonly replayed: boolean }>(purchase: Promise<Answer>): Promise<Answer> {
    purchase.then(
      ({ replayed }) => {
        this.outcomes.at(replayed ? 'replayed' : 'accepted').add();
      },
      (error: unknown) => {
        this.outcomes.at(error instanceof DomainError ? error.code : 'internal').add();
      },
    );
    return purchase;
  }
}
