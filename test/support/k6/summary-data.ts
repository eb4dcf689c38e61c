import { checks } from './checks.js';
import type { MetricType } from './metrics.js';
import type { Options } from './options.js';
import { registry } from './registry.js';
import { keeps } from './thresholds.js';

/** What handleSummary gets, in k6's shape. */
export interface SummaryData {
  readonly root_group: {
    readonly checks: readonly { readonly name: string; readonly passes: number; readonly fails: number }[];
  };
  readonly options: { readonly summaryTrendStats: readonly string[] };
  readonly state: { readonly testRunDurationMs: number; readonly isStdOutTTY: boolean };
  readonly metrics: Readonly<Record<string, MetricSummary>>;
}

interface MetricSummary {
  readonly type: MetricType;
  readonly contains: 'time' | 'default';
  readonly values: Readonly<Record<string, number>>;
  readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
}

const k6Default = ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)'];

export function summaryData(options: Options, testRunDurationMs: number): SummaryData {
  const { thresholds = {}, summaryTrendStats = k6Default } = options;
  const seconds = testRunDurationMs / 1000;
  const metrics = [...registry.metrics].map(([name, metric]): [string, MetricSummary] => {
    const verdicts = (thresholds[name] ?? []).map((threshold) => [
      threshold,
      { ok: keeps(metric, threshold, seconds) },
    ]);
    return [
      name,
      {
        type: metric.type,
        contains: metric.isTime ? 'time' : 'default',
        values: metric.values(seconds, summaryTrendStats),
        ...(verdicts.length === 0
          ? {}
          : { thresholds: Object.fromEntries(verdicts) as Record<string, { ok: boolean }> }),
      },
    ];
  });
  return {
    root_group: { checks: [...checks.values()] },
    options: { summaryTrendStats },
    state: { testRunDurationMs, isStdOutTTY: process.stdout.isTTY },
    metrics: Object.fromEntries(metrics),
  };
}
