import { AsyncLocalStorage } from 'node:async_hooks';
import type { Config } from '../config/index.js';
import type { Span, SpanOptions, Tracer } from './span.js';

/**
 * Where time goes, from a purchase's POST to its row (docs/operations.md, Traces). Without a tracer nothing is noted, nothing is
 * carried, and no part of OpenTelemetry is loaded.
 */
export class Traces {
  static readonly off = new Traces();
  private readonly spans = new AsyncLocalStorage<Span>();

  constructor(private readonly tracer?: Tracer) {}

  /** With the configured collector, or off. */
  static async open({ traces }: Pick<Config, 'traces'>, roles: ReadonlySet<string>): Promise<Traces> {
    if (traces === null) return Traces.off;
    const { openTelemetry } = await import('./otel.js');
    return new Traces(openTelemetry(traces, [...roles].join('+')));
  }

  get on(): boolean {
    return this.tracer !== undefined;
  }

  /** undefined: traces are off */
  start(name: string, options: SpanOptions): Span | undefined {
    return this.tracer?.start(name, options);
  }

  /** Whatever `work` does, and what comes of it, is part of this span. */
  within<T>(span: Span | undefined, work: () => T): T {
    return span === undefined ? work() : this.spans.run(span, work);
  }

  /** Where the work at hand belongs; undefined: nowhere, or it is not sampled. */
  current(): string | undefined {
    const span = this.spans.getStore();
    return span?.hasEnded === false ? span.traceparent : undefined;
  }

  /** Notes what has just been done, as part of the work at hand. What outlived its span, such as a loop for all, is nobody's. */
  record(name: string, seconds: number, failed: boolean): void {
    const parent = this.current();
    if (parent === undefined) return;
    const span = this.start(name, { kind: 'client', parent, startedAtMs: Date.now() - seconds * 1000 });
    span?.end(failed ? new Error('failed') : undefined);
  }

  async close(): Promise<void> {
    await this.tracer?.close();
  }
}
