/** Every refusal the API can answer with, as named in the contract; `http/problem.ts` gives each its status and title. */
export type ErrorCode =
  | 'validation_failed'
  | 'malformed_json'
  | 'unauthenticated'
  | 'forbidden'
  | 'payment_required'
  | 'not_found'
  | 'method_not_allowed'
  | 'sold_out'
  | 'limit_exceeded'
  | 'sale_not_open'
  | 'sale_paused'
  | 'sale_closed'
  | 'hold_expired'
  | 'order_not_ready'
  | 'order_cancelled'
  | 'order_rejected'
  | 'already_confirmed'
  | 'capacity_below_taken'
  | 'invalid_transition'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'idempotency_key_reused'
  | 'rate_limited'
  | 'overloaded'
  | 'unavailable'
  | 'recovering'
  | 'internal';

/** So many faults of one request are named at the most. */
export const maxFieldErrors = 20;

/** One thing wrong with a request: where (`items[0].quantity`) and what. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** What a client may know about a refusal beside its code. Never anything internal. */
export interface ErrorFacts {
  /** validation_failed: what is wrong, field by field */
  readonly errors?: readonly FieldError[];
  /** seconds until a retry may succeed; becomes the `Retry-After` header */
  readonly retryAfterSeconds?: number;
  /** sold_out: the ticket types that lack stock */
  readonly ticketTypeIds?: readonly string[];
  /** limit_exceeded: tickets this buyer may still order in the sale */
  readonly left?: number;
}

/** An expected refusal. Carries a code and safe facts, no HTTP status. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  /** Captures no stack: a refusal is an answer, not a fault, and a surge makes thousands a second of them. */
  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = limit;
    this.code = code;
    this.facts = facts;
  }
}

/** The refusal for an id that does not exist, is not well formed, or is somebody else's: they cannot be told apart. */
export function notFound(what: 'sale' | 'order'): DomainError {
  return new DomainError('not_found', `There is no such ${what}.`);
}

/** A request that is well formed but wrong in one field. */
export function invalidField(path: string, message: string): DomainError {
  return new DomainError('validation_failed', `${path}: ${message}`, { errors: [{ path, message }] });
}

/** Stock is being reloaded; the sale goes on by itself within seconds. */
export function recovering(): DomainError {
  return new DomainError('recovering', 'The stock of this sale is being reloaded. Try again in a moment.', {
    retryAfterSeconds: 1,
  });
}

/** A server behind is down, or did not answer in time. What was asked may still have happened: retry with the same key. */
export function unavailable(cause: unknown): DomainError {
  const error = new DomainError('unavailable', 'The service is unavailable for a moment. Try again.', {
    retryAfterSeconds: 1,
  });
  error.cause = cause;
  return error;
}
