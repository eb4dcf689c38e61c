import * as kinds from '../metrics.js';
import { registry } from '../registry.js';

/** `new Counter(name)` in a script is the run's counter of that name. */
function constructorOf<M extends kinds.Metric>(
  Kind: new (isTime: boolean) => M,
): new (name: string, isTime?: boolean) => M {
  return function (name: string, isTime = false): M {
    return registry.declare(name, new Kind(isTime));
  } as unknown as new (name: string, isTime?: boolean) => M;
}

export const Counter = constructorOf(kinds.Counter);
export const Gauge = constructorOf(kinds.Gauge);
export const Rate = constructorOf(kinds.Rate);
export const Trend = constructorOf(kinds.Trend);
