import { DomainError, notFound } from '../domain/index.js';
import type { ReserveOutcome } from '../inventory/index.js';

/** Why Redis gives nothing. */
export type Refused = Exclude<ReserveOutcome, { kind: 'reserved' | 'replayed' | 'recovering' }>;

/** The answer to a purchase that Redis refused. */
export function refusal(outcome: Refused): DomainError {
  switch (outcome.kind) {
    case 'key-reused':
      return new DomainError('idempotency_key_reused', 'This Idempotency-Key was used with another body.');
    case 'draft':
      return notFound('sale');
    case 'closed':
      return new DomainError('sale_closed', 'The sale is closed.');
    case 'paused':
      return new DomainError('sale_paused', 'The sale is paused.');
    case 'not-open':
      return new DomainError('sale_not_open', 'The sale has not opened yet.', {
        retryAfterSeconds: Math.max(1, Math.ceil(outcome.opensInMs / 1000)),
      });
    case 'sold-out':
      return new DomainError('sold_out', 'There are not enough tickets left.', {
        ticketTypeIds: outcome.ticketTypeIds,
      });
    case 'limit':
      return new DomainError('limit_exceeded', `You may order ${outcome.left} more in this sale.`, {
        left: outcome.left,
      });
  }
}
