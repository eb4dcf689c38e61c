import { describe, expect, test } from '@jest/globals';
import { durationMs } from '../support/k6/durations.js';
import { iterationsDue, runScenario } from '../support/k6/executors.js';
import { Counter, Rate, Trend, type Metric } from '../support/k6/metrics.js';
import { builtin } from '../support/k6/registry.js';
import { current } from '../support/k6/scenario.js';
import { keeps } from '../support/k6/thresholds.js';

function filled<M extends Metric>(metric: M, ...values: number[]): M {
  for (const value of values) metric.add(value);
  return metric;
}

test('percentiles lie between samples on a straight line, as in k6', () => {
  const trend = filled(new Trend(), 40, 10, 20, 30);
  expect(trend.values(1, ['min', 'med', 'p(90)', 'max', 'avg'])).toEqual({
    min: 10,
    med: 25,
    'p(90)': 37,
    max: 40,
    avg: 25,
  });
});

test.each<[Metric, string, boolean]>([
  [filled(new Counter(), 2), 'count==2', true],
  [filled(new Counter(), 2), 'count==0', false],
  [new Counter(), 'count>0', false],
  [filled(new Counter(), 20), 'rate>=10', true],
  [filled(new Rate(), 1, 0), 'rate==1', false],
  [filled(new Rate(), 1, 0), 'rate>0.4', true],
  [filled(new Trend(), 100, 300), 'p(95)<250', false],
  [filled(new Trend(), 100, 300), 'avg <= 200', true],
])('%#: a threshold can be kept and broken', (metric, threshold, kept) => {
  expect(keeps(metric, threshold, 2)).toBe(kept);
});

test.each(['count', 'p(95)', 'p(95)<', 'median<3', 'value<1'])(
  'when a threshold is %s, then that is an error',
  (wrong) => {
    expect(() => keeps(new Trend(), wrong, 1)).toThrow(wrong);
  },
);

test('durations are read as k6 writes them', () => {
  expect(['500ms', '1.5s', '1m30s', '2h'].map(durationMs)).toEqual([500, 1_500, 90_000, 7_200_000]);
  expect(() => durationMs('soon')).toThrow('soon');
});

test('arrivals are the area under the ramps', () => {
  const ramps = [
    { from: 0, to: 100, ms: 1_000 },
    { from: 100, to: 100, ms: 1_000 },
  ];
  expect([0, 500, 1_000, 1_500, 2_000, 9_000].map((ms) => iterationsDue(ramps, ms, 1_000))).toEqual([
    0, 12, 50, 100, 150, 150,
  ]);
});

describe('executors', () => {
  test('when no virtual user is free, then an arrival is dropped and counted', async () => {
    const before = builtin.droppedIterations.values(1)['count'] ?? 0;
    let free = (): void => undefined;
    const busy = new Promise<void>((resolve) => (free = resolve));
    let begun = 0;
    const work = (): Promise<void> => {
      begun += 1;
      return busy;
    };
    const options = { executor: 'constant-arrival-rate', rate: 50, duration: '200ms', preAllocatedVUs: 2 } as const;
    const run = runScenario('busy', options, work);
    setTimeout(free, 300);
    await run;
    expect(begun).toBe(2);
    expect((builtin.droppedIterations.values(1)['count'] ?? 0) - before).toBe(8);
  });

  test('each iteration knows its own number, across awaits', async () => {
    const seen: number[] = [];
    await runScenario('shared', { executor: 'shared-iterations', vus: 3, iterations: 9 }, async () => {
      const begun = current.getStore()?.iterationInTest;
      await new Promise((resolve) => setTimeout(resolve, 2));
      expect(current.getStore()?.iterationInTest).toBe(begun);
      seen.push(begun ?? -1);
    });
    expect(seen.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('an iteration that outlasts gracefulStop is left behind', async () => {
    const options = {
      executor: 'constant-arrival-rate',
      rate: 10,
      duration: '110ms',
      preAllocatedVUs: 5,
      gracefulStop: '50ms',
    } as const;
    await runScenario('stuck', options, () => new Promise(() => undefined));
  }, 5_000);
});
