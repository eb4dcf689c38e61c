import { Counter, Gauge, Rate, Trend, type Metric } from './metrics.js';

/** Every metric of the run by its name; one name is one metric, wherever it is declared. */
class Registry {
  readonly metrics = new Map<string, Metric>();

  declare<M extends Metric>(name: string, metric: M): M {
    const known = this.metrics.get(name);
    if (known === undefined) {
      this.metrics.set(name, metric);
      return metric;
    }
    if (known.type !== metric.type) throw new Error(`metric ${name} is a ${known.type} already`);
    return known as M;
  }
}

export const registry = new Registry();

/** Those that k6 itself keeps, as far as scripts speak of them. */
export const builtin = {
  checks: registry.declare('checks', new Rate()),
  droppedIterations: registry.declare('dropped_iterations', new Counter()),
  httpReqs: registry.declare('http_reqs', new Counter()),
  httpReqDuration: registry.declare('http_req_duration', new Trend(true)),
  httpReqFailed: registry.declare('http_req_failed', new Rate()),
  iterations: registry.declare('iterations', new Counter()),
  iterationDuration: registry.declare('iteration_duration', new Trend(true)),
  vus: registry.declare('vus', new Gauge()),
};
