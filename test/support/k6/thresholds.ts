import type { Metric } from './metrics.js';

const expression = /^\s*([a-z]+(?:\(\d+(?:\.\d+)?\))?)\s*(===|==|!=|<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)\s*$/;

/**
 * Does the metric keep `count==0`, `p(95)<500`, …? A metric that got no sample keeps what 0 keeps.
 * @throws Error when the expression is none, or speaks of a value that such a metric has not
 */
export function keeps(metric: Metric, threshold: string, elapsedSeconds: number): boolean {
  const [, name = '', operator, limit] = expression.exec(threshold) ?? [];
  const value = metric.value(name, elapsedSeconds);
  if (value === undefined) throw new Error(`threshold ${threshold}: not for a ${metric.type}`);
  const bound = Number(limit);
  switch (operator) {
    case '<':
      return value < bound;
    case '<=':
      return value <= bound;
    case '>':
      return value > bound;
    case '>=':
      return value >= bound;
    case '!=':
      return value !== bound;
    default:
      return value === bound;
  }
}
