import { AggregatorRegistry, collectDefaultMetrics, Gauge, Registry, type Histogram } from 'prom-client';

import { LazyFigures } from './lazy-figures.js';
import { Count, Distribution, Family } from './metric-cells.js';

const prefix = 'sluice_';

/** Figures that were read are told again for this long. */
const freshMs = 1000;
/** A scrape waits so long for a server; then it goes without that server's figures. */
const deadlineMs = 1500;

/** All that one process has to say of itself, as prom-client hands it from process to process. */
export type MetricsSnapshot = object[];

interface About {
  /** without the prefix */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

interface AboutGauge {
  readonly help: string;
  /** how processes that share a port add up: `sum`, or `max` or `min` where each of them reads the same servers */
  readonly acrossProcesses: 'sum' | 'max' | 'min';
}

/**
 * The metrics of one process. Counting costs nanoseconds; everything else is done when Prometheus asks. What each metric means
 * is in docs/operations.md.
 */
export class Metrics {
  /** every process behind this port; set where there are several */
  allProcesses: (() => Promise<readonly MetricsSnapshot[]>) | undefined;
  private readonly registry = new Registry();

  /** What the process itself needs: processor, memory, event loop, garbage collection. Goes on until the process ends. */
  measureProcess(): void {
    collectDefaultMetrics({ register: this.registry, prefix });
  }

  counters({ name, help, labels = [] }: About): Family<Count> {
    const family = new Family(() => new Count());
    this.add(name, help, 'counter', () =>
      [...family.all()].map(({ labels: values, cell }) => ({ labels: named(labels, values), value: cell.value })),
    );
    return family;
  }

  counter(about: Omit<About, 'labels'>): Count {
    return this.counters(about).at();
  }

  /** @param bounds upper bounds of the buckets, ascending */
  histograms({ name, help, labels = [] }: About, bounds: readonly number[]): Family<Distribution> {
    const family = new Family(() => new Distribution(bounds));
    this.add(name, help, 'histogram', () =>
      [...family.all()].flatMap(({ labels: values, cell }) =>
        buckets(`${prefix}${name}`, bounds, named(labels, values), cell),
      ),
    );
    return family;
  }

  histogram(about: Omit<About, 'labels'>, bounds: readonly number[]): Distribution {
    return this.histograms(about, bounds).at();
  }

  /** Gauges of one read, which happens while Prometheus asks. What the read leaves out, or a failed read, has no value. */
  gauges<Name extends string>(
    about: Readonly<Record<Name, AboutGauge>>,
    read: () => Partial<Record<Name, number>> | Promise<Partial<Record<Name, number>>>,
  ): void {
    const figures = new LazyFigures(read, freshMs, deadlineMs);
    for (const [name, { help, acrossProcesses }] of Object.entries(about) as [Name, AboutGauge][]) {
      const gauge = new Gauge({
        name: `${prefix}${name}`,
        help,
        aggregator: acrossProcesses,
        registers: [this.registry],
        async collect() {
          const value = (await figures.get())?.[name];
          if (value === undefined) gauge.remove();
          else gauge.set(value);
        },
      });
    }
  }

  /** A gauge with one label, counted while Prometheus asks. What `read` leaves out has no value. */
  gaugesBy(
    label: string,
    { name, help, acrossProcesses }: AboutGauge & { readonly name: string },
    read: () => Iterable<readonly [string, number]>,
  ): void {
    const values = (): object[] => Array.from(read(), ([of, value]) => ({ labels: { [label]: of }, value }));
    this.add(name, help, 'gauge', values, acrossProcesses);
  }

  /** What Prometheus reads, of all processes behind this port. Never rejects because a server is away. */
  async text(): Promise<string> {
    if (this.allProcesses === undefined) return this.registry.metrics();
    return AggregatorRegistry.aggregate([...(await this.allProcesses())]).metrics();
  }

  /** Never rejects because a server is away. */
  snapshot(): Promise<MetricsSnapshot> {
    return this.registry.getMetricsAsJSON();
  }

  private add(
    name: string,
    help: string,
    type: 'counter' | 'histogram' | 'gauge',
    values: () => object[],
    aggregator: 'sum' | 'max' | 'min' = 'sum',
  ): void {
    const full = `${prefix}${name}`;
    const metric = {
      name: full,
      help,
      get: () => Promise.resolve({ name: full, help, type, aggregator, values: values() }),
    };
    // `name` and `get` are all that a registry asks of a metric: prom-client's own aggregator registers no more
    this.registry.registerMetric(metric as unknown as Histogram);
  }
}

function named(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']));
}

function buckets(
  name: string,
  bounds: readonly number[],
  labels: Readonly<Record<string, string>>,
  { counts, sum }: Distribution,
): object[] {
  let count = 0;
  const cumulative = [...bounds, '+Inf'].map((le, i) => {
    count += counts[i] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
  });
  return [
    ...cumulative,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
