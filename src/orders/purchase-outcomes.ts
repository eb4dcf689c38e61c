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
    this.outcomes.at('overloaded'); // from the start at 0, or the first would be no increase
  }

  /** What `purchase` returns or throws, counted. */
  of<Answer extends { readonly replayed: boolean }>(
    purchase: () => Promise<Answer | DomainError> | DomainError,
  ): Promise<Answer | DomainError> | DomainError {
    try {
      const answer = purchase();
      if (answer instanceof DomainError) return this.count(answer);
      return answer.then(
        (later) => this.count(later),
        (error: unknown) => this.countThrown(error),
      );
    } catch (error) {
      return this.countThrown(error);
    }
  }

  private count<Answer extends DomainError | { readonly replayed: boolean }>(answer: Answer): Answer {
    if (answer instanceof DomainError) this.outcomes.at(answer.code).add();
    else this.outcomes.at(answer.replayed ? 'replayed' : 'accepted').add();
    return answer;
  }

  private countThrown(error: unknown): never {
    this.outcomes.at(error instanceof DomainError ? error.code : 'internal').add();
    throw error;
  }
}
