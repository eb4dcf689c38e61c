/** What k6 hands to handleSummary, as far as the reports use it. */
export interface SummaryData {
  readonly state: { readonly testRunDurationMs: number };
  readonly metrics: Readonly<Record<string, SummaryMetric>>;
}

export interface SummaryMetric {
  readonly type: 'counter' | 'gauge' | 'rate' | 'trend';
  readonly contains: 'default' | 'time' | 'data';
  /** of a counter `count` and `rate`, of a rate `rate`, of a trend `avg`, `med`, `p(95)`, … */
  readonly values: Readonly<Record<string, number>>;
  readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
}

/** A value of a metric; 0 when nothing was added to it. */
export function valueOf({ metrics }: SummaryData, metric: string, value: string): number {
  return metrics[metric]?.values[value] ?? 0;
}

export interface Verdict {
  readonly metric: string;
  readonly threshold: string;
  readonly ok: boolean;
}

export function verdictsOf({ metrics }: SummaryData): Verdict[] {
  return Object.entries(metrics).flatMap(([metric, { thresholds = {} }]) =>
    Object.entries(thresholds).map(([threshold, { ok }]) => ({ metric, threshold, ok })),
  );
}

/** The times that a run measured, but for those of one slice. */
export function timesOf({ metrics }: SummaryData): [name: string, values: SummaryMetric['values']][] {
  return Object.entries(metrics)
    .filter(([name, { type, contains }]) => type === 'trend' && contains === 'time' && !name.startsWith('slice_'))
    .map(([name, { values }]): [string, SummaryMetric['values']] => [name, values])
    .filter(([, values]) => Object.values(values).some((value) => value > 0))
    .sort(([a], [b]) => a.localeCompare(b));
}

/** Each with the word that a reader needs no legend for. */
export const timeColumns = ['avg', 'med', 'p(95)', 'p(99)', 'max'] as const;

export function number(value: number): string {
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',');
}
