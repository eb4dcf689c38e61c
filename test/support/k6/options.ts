import type { Scenario } from './executors.js';

/** What a script exports as `options`, as far as the scripts here use it. */
export interface Options {
  readonly scenarios: Readonly<Record<string, Scenario>>;
  readonly thresholds?: Readonly<Record<string, readonly string[]>>;
  readonly summaryTrendStats?: readonly string[];
}
