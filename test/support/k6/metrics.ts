/** The four kinds of metric, with the values that k6's summary and thresholds know of each. */
export type MetricType = 'counter' | 'gauge' | 'rate' | 'trend';

export abstract class Metric {
  abstract readonly type: MetricType;

  constructor(readonly isTime = false) {}

  abstract add(value: number): void;

  /** By the name that a threshold has for it: `count`, `rate`, `p(95)`, …; undefined: this kind has no such value. */
  abstract value(name: string, elapsedSeconds: number): number | undefined;

  abstract values(elapsedSeconds: number, trendStats: readonly string[]): Record<string, number>;
}

export class Counter extends Metric {
  readonly type = 'counter';
  private count = 0;

  add(value: number): void {
    this.count += value;
  }

  value(name: string, elapsedSeconds: number): number | undefined {
    return this.values(elapsedSeconds)[name];
  }

  values(elapsedSeconds: number): Record<string, number> {
    return { count: this.count, rate: elapsedSeconds > 0 ? this.count / elapsedSeconds : 0 };
  }
}

export class Gauge extends Metric {
  readonly type = 'gauge';
  private seen = { value: 0, min: Infinity, max: -Infinity };

  add(value: number): void {
    this.seen = { value, min: Math.min(this.seen.min, value), max: Math.max(this.seen.max, value) };
  }

  value(name: string): number | undefined {
    return this.values()[name];
  }

  values(): Record<string, number> {
    return this.seen.min === Infinity ? { value: 0, min: 0, max: 0 } : { ...this.seen };
  }
}

export class Rate extends Metric {
  readonly type = 'rate';
  private passes = 0;
  private fails = 0;

  add(value: number | boolean): void {
    if (value) this.passes += 1;
    else this.fails += 1;
  }

  value(name: string): number | undefined {
    return name === 'rate' ? this.values()['rate'] : undefined;
  }

  values(): Record<string, number> {
    const { passes, fails } = this;
    return { rate: passes + fails === 0 ? 0 : passes / (passes + fails), passes, fails };
  }
}

export class Trend extends Metric {
  readonly type = 'trend';
  private readonly samples: number[] = [];
  private sorted = true;

  add(value: number): void {
    this.samples.push(value);
    this.sorted = false;
  }

  value(name: string): number | undefined {
    const { samples } = this;
    if (!this.sorted) samples.sort((a, b) => a - b);
    this.sorted = true;
    const percent = /^p\((\d+(?:\.\d+)?)\)$/.exec(name)?.[1];
    if (percent !== undefined) return this.quantile(Number(percent) / 100);
    switch (name) {
      case 'avg':
        return samples.length === 0 ? 0 : samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
      case 'min':
        return samples[0] ?? 0;
      case 'max':
        return samples.at(-1) ?? 0;
      case 'med':
        return this.quantile(0.5);
      case 'count':
        return samples.length;
      default:
        return undefined;
    }
  }

  values(_elapsedSeconds: number, trendStats: readonly string[]): Record<string, number> {
    return Object.fromEntries(trendStats.map((name) => [name, this.value(name) ?? 0]));
  }

  /** Between two samples: on the straight line from one to the other, as k6 has it. */
  private quantile(share: number): number {
    const at = share * (this.samples.length - 1);
    const below = this.samples[Math.floor(at)] ?? 0;
    const above = this.samples[Math.ceil(at)] ?? 0;
    return below + (above - below) * (at - Math.floor(at));
  }
}
