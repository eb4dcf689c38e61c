import { Injectable } from '@nestjs/common';
import { DomainError } from '../domain/index.js';
import { Metrics, type Count, type Family } from '../observability/index.js';
import { SaleSnapshots } from '../sales/index.js';
import { SaleTallies } from './sale-tallies.js';

/** A request for a purchase. */
interface Asked {
  readonly saleId: string;
  /** by `performance.now()` */
  readonly startedAt: number;
}

/** Counts what became of purchases that were well formed. */
@Injectable()
export class PurchaseOutcomes {
  private readonly outcomes: Family<Count>;

  constructor(
    metrics: Metrics,
    private readonly tallies: SaleTallies,
    private readonly sales: SaleSnapshots,
  ) {
    this.outcomes = metrics.counters({
      name: 'purchases_total',
      help: 'Purchases by what became of them: accepted, replayed, or the code of the refusal',
      labels: ['outcome'],
    });
    this.outcomes.at('overloaded'); // from the start at 0, or the first would be no increase
  }

  /** What `purchase` returns or throws, counted. */
  of<Answer extends { readonly replayed: boolean }>(
    asked: Asked,
    purchase: () => Promise<Answer | DomainError> | DomainError,
  ): Promise<Answer | DomainError> | DomainError {
    try {
      const answer = purchase();
      if (answer instanceof DomainError) return this.count(asked, answer);
      return answer.then(
        (later) => this.count(asked, later),
        (error: unknown) => this.countThrown(asked, error),
      );
    } catch (error) {
      return this.countThrown(asked, error);
    }
  }

  private count<Answer extends DomainError | { readonly replayed: boolean }>(asked: Asked, answer: Answer): Answer {
    if (answer instanceof DomainError) this.add(asked, answer.code);
    else this.add(asked, answer.replayed ? 'replayed' : 'accepted');
    return answer;
  }

  private countThrown(asked: Asked, error: unknown): never {
    this.add(asked, error instanceof DomainError ? error.code : 'internal');
    throw error;
  }

  private add({ saleId, startedAt }: Asked, outcome: string): void {
    this.outcomes.at(outcome).add();
    // anybody may ask for a sale that is none, and it may be a while until we know that it is
    if (outcome !== 'not_found' && this.sales.knows(saleId))
      this.tallies.purchase(saleId, outcome, performance.now() - startedAt);
  }
}
