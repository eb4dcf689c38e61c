import { type Context, ROOT_CONTEXT, type Span as OtelSpan, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { parseTraceParent } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import type { TracesConfig } from '../config/index.js';
import type { Span, SpanOptions, Tracer } from './span.js';

/** What a dead or slow collector may take: spans that wait, beyond which they are dropped, and the time of one call. */
const maxQueueSize = 4096;
const exportTimeoutMs = 2000;
const sendEveryMs = 1000;
/** The orders of one transaction. */
const maxLinks = 500;
/** A process that ends does not wait for a collector for longer. */
const closeDeadlineMs = 2500;

const kinds = {
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
} as const;

/** A tracer over OpenTelemetry's SDK. Only this file knows it, and only a process whose traces are on loads it (ADR 21). */
export function openTelemetry({ url, ratio }: TracesConfig, roles: string): Tracer {
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: exportTimeoutMs });
  const processor = new BatchSpanProcessor(exporter, {
    maxQueueSize,
    scheduledDelayMillis: sendEveryMs,
    exportTimeoutMillis: exportTimeoutMs,
  });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'sluice',
      'service.instance.id': String(process.pid),
      'sluice.roles': roles,
    }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanLimits: { linkCountLimit: maxLinks },
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer('sluice');
  return {
    start(name, { kind, parent, links = [], attributes, startedAtMs }: SpanOptions) {
      const span = tracer.startSpan(
        name,
        {
          kind: kinds[kind],
          links: links.flatMap((link) => contextOf(link) ?? []).map((context) => ({ context })),
          ...(attributes === undefined ? {} : { attributes }),
          ...(startedAtMs === undefined ? {} : { startTime: startedAtMs }),
        },
        within(parent),
      );
      return new OpenSpan(span);
    },
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const deadline = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, closeDeadlineMs);
      });
      await Promise.race([provider.shutdown().catch(() => undefined), deadline]);
      clearTimeout(timer);
    },
  };
}

class OpenSpan implements Span {
  readonly traceparent: string | undefined;
  hasEnded = false;

  constructor(private readonly span: OtelSpan) {
    const { traceId, spanId } = span.spanContext();
    this.traceparent = span.isRecording() ? `00-${traceId}-${spanId}-01` : undefined;
  }

  end(error?: unknown): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    if (error !== undefined) this.span.setStatus({ code: SpanStatusCode.ERROR });
    this.span.end();
  }
}

function contextOf(traceparent: string) {
  return parseTraceParent(traceparent) ?? undefined;
}

function within(traceparent: string | undefined): Context {
  const parent = traceparent === undefined ? undefined : contextOf(traceparent);
  return parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true });
}
