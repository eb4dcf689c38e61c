/** What the load generator's process is told, in a file. */
export interface GeneratorJob {
  readonly url: string;
  readonly path: string;
  readonly body: string;
  /** file of tokens, one a line; each request takes the next */
  readonly tokens: string;
  /** begins every idempotency key; '': none is sent */
  readonly keys: string;
  /** each request says that it comes from an address of its own, as a proxy does */
  readonly addresses?: boolean;
  readonly connections: number;
  readonly pace: Pace;
  /** ms that one bucket of the timeline spans */
  readonly bucketMs: number;
}

/**
 * Closed loop: each connection sends its next request when it has an answer, for so many requests or so many seconds.
 * Rate: requests arrive at a constant rate, whatever becomes of those before, and wait where no connection is free; latency
 * counts from their arrival. A closed loop would leave out the requests that a slow answer kept from being sent
 * (coordinated omission: Gil Tene, "How NOT to Measure Latency").
 */
export type Pace =
  | { readonly kind: 'requests'; readonly requests: number }
  | { readonly kind: 'seconds'; readonly seconds: number }
  | { readonly kind: 'rate'; readonly perSecond: number; readonly seconds: number };

export interface Bucket {
  /** ms from the first request */
  readonly atMs: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What it answers, as a line of JSON. */
export interface GeneratorResult {
  /** `Date.now()` of the first request */
  readonly startedAt: number;
  readonly requests: number;
  readonly seconds: number;
  /** answers by status */
  readonly answers: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly buckets: readonly Bucket[];
}
