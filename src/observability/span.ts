/** One step of what happened to a request, an order or a batch. */
export interface Span {
  /** how another process goes on from here (W3C Trace Context); undefined: this trace is not sampled */
  readonly traceparent: string | undefined;
  readonly hasEnded: boolean;
  /** Ends it; with an error, as failed. */
  end(error?: unknown): void;
}

export interface SpanOptions {
  readonly kind: 'server' | 'producer' | 'consumer' | 'client' | 'internal';
  /** a W3C `traceparent`; none, or one that makes no sense: a new trace begins */
  readonly parent?: string | undefined;
  /** `traceparent` of others that have a part in this */
  readonly links?: readonly string[];
  readonly attributes?: Readonly<Record<string, string | number>>;
  /** ms since the epoch; default now */
  readonly startedAtMs?: number;
}

/** What makes spans and sends them away: `openTelemetry` in otel.ts. */
export interface Tracer {
  start(name: string, options: SpanOptions): Span;
  /** Sends what is left, within its deadline. Never rejects. */
  close(): Promise<void>;
}
