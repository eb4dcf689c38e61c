import { describe, expect, test } from '@jest/globals';

import { LazyFigures, Metrics } from './index.js';

const shared = { help: 'Things', acrossProcesses: 'max' } as const;

describe('Metrics', () => {
  test('when values were counted and observed, then they are told with cumulative buckets', async () => {
    const metrics = new Metrics();
    const answers = metrics.counters({ name: 'answers_total', help: 'Answers', labels: ['code'] });
    answers.at('sold_out').add();
    answers.at('sold_out').add(2);
    const seconds = metrics.histograms({ name: 'seconds', help: 'Time', labels: ['method', 'route'] }, [0.1, 1]);
    for (const value of [0.1, 0.5, 7]) seconds.at('GET', '/a').observe(value);
    expect((await metrics.text()).split('\n').filter((line) => line !== '')).toEqual([
      '# HELP sluice_answers_total Answers',
      '# TYPE sluice_answers_total counter',
      'sluice_answers_total{code="sold_out"} 3',
      '# HELP sluice_seconds Time',
      '# TYPE sluice_seconds histogram',
      'sluice_seconds_bucket{le="0.1",method="GET",route="/a"} 1',
      'sluice_seconds_bucket{le="1",method="GET",route="/a"} 2',
      'sluice_seconds_bucket{le="+Inf",method="GET",route="/a"} 3',
      'sluice_seconds_sum{method="GET",route="/a"} 7.6',
      'sluice_seconds_count{method="GET",route="/a"} 3',
    ]);
  });

  test('when several processes share the port, then counts add up and figures of the servers do not', async () => {
    const [one, two] = [1, 2].map((value) => {
      const metrics = new Metrics();
      metrics.counter({ name: 'orders_total', help: 'Orders' }).add(value);
      metrics.histogram({ name: 'size', help: 'Size' }, [1]).observe(value);
      metrics.gauges({ holds: shared, polls: { help: 'Polls', acrossProcesses: 'sum' } }, () => ({
        holds: 5,
        polls: value,
      }));
      return metrics;
    }) as [Metrics, Metrics];
    one.allProcesses = () => Promise.all([one.snapshot(), two.snapshot()]);
    const text = await one.text();
    for (const line of [
      'orders_total 3',
      'size_bucket{le="1"} 1',
      'size_count 2',
      'size_sum 3',
      'holds 5',
      'polls 3',
    ]) {
      expect(text).toContain(`sluice_${line}\n`);
    }
  });

  test('when a figure cannot be read, then it has no value and everything else is told', async () => {
    const metrics = new Metrics();
    metrics.counter({ name: 'orders_total', help: 'Orders' }).add();
    metrics.gauges({ holds: shared }, () => Promise.reject(new Error('away')));
    const text = await metrics.text();
    expect(text).toContain('sluice_orders_total 1\n');
    expect(text).not.toMatch(/^sluice_holds/m);
  });
});

describe('LazyFigures', () => {
  test('when many ask at once and again, then it is read once until it is no longer fresh', async () => {
    let reads = 0;
    const figures = new LazyFigures(() => (reads += 1), 50, 1000);
    expect(await Promise.all([figures.get(), figures.get()])).toEqual([1, 1]);
    expect(await figures.get()).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await figures.get()).toBe(2);
  });

  test('when the read does not end, then nothing is told at the deadline', async () => {
    const figures = new LazyFigures(() => new Promise<number>(() => undefined), 1000, 20);
    expect(await figures.get()).toBeUndefined();
  });
});
