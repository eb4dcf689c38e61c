import { beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '../../test/support/until.js';
import { Metrics } from '../observability/index.js';
import { doneBy, SalesFailed, SaleVisits } from './sale-visits.js';

const waitMs = 50;
const close = { name: 'close' };

let metrics: Metrics;
let visits: SaleVisits;
/** ends the visit that is at work on the slow sale */
let end: (done: number) => void;
/** sales whose visit began, in order */
let begun: string[];

const visit = (saleId: string): Promise<number> => {
  begun.push(saleId);
  if (saleId === 'broken') return Promise.reject(new Error('broken'));
  return saleId === 'slow' ? new Promise((resolve) => (end = resolve)) : Promise.resolve(1);
};

beforeEach(() => {
  metrics = new Metrics();
  visits = new SaleVisits(metrics);
  begun = [];
});

test('when every visit is quick, then their sum is told and nobody waits', async () => {
  const startedAt = performance.now();
  expect(doneBy(await visits.run(close, ['a', 'b', 'c'], visit, 60_000))).toBe(3);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test('when a sale fails, then the others are visited, and what they did is told with the failure', async () => {
  const visited = await visits.run(close, ['a', 'broken', 'b'], visit);
  expect(visited).toEqual({ done: 2, failures: new Map([['broken', new Error('broken')]]) });
  expect(() => doneBy(visited)).toThrow(SalesFailed);
});

describe('when a sale takes longer than a pass waits', () => {
  beforeEach(async () => {
    expect((await visits.run(close, ['slow', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'], visit, waitMs)).done).toBe(8);
  });

  test('then it is not visited twice at once, the next run waits for it no longer, and its end is told by the one after it', async () => {
    const startedAt = performance.now();
    expect((await visits.run(close, ['slow', 'a'], visit, waitMs)).done).toBe(1);
    expect(performance.now() - startedAt).toBeLessThan(waitMs);
    expect(begun.filter((id) => id === 'slow')).toHaveLength(1);
    expect(visits.underWay(close)).toEqual(['slow']);
    end(5);
    await until(() => visits.underWay(close).length === 0);
    expect((await visits.run(close, [], visit)).done).toBe(5);
    expect((await visits.run(close, [], visit)).done).toBe(0);
  });

  test('then visits of another kind go to it all the same', async () => {
    await visits.run({ name: 'expire' }, ['slow'], visit, waitMs);
    expect(begun.filter((id) => id === 'slow')).toHaveLength(2);
  });

  test('then visits of another kind do not wait for it once it is known to be slow', async () => {
    await until(async () => (await metrics.text()).includes('sluice_reconciler_late_visits 1'));
    const startedAt = performance.now();
    expect((await visits.run({ name: 'expire' }, ['slow', 'a'], visit, 60_000)).done).toBe(1);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  test('then a metric tells so', async () => {
    await until(async () => (await metrics.text()).includes('sluice_reconciler_late_visits 1'));
  });
});

test('when the process stops, then visits that wait for their turn end without beginning', async () => {
  const ends: (() => void)[] = [];
  const slow = (): Promise<number> =>
    new Promise((resolve) =>
      ends.push(() => {
        resolve(1);
      }),
    );
  const running = visits.run(close, ['1', '2', '3', '4'], slow, 60_000);
  const waiting = visits.run(close, ['5'], visit, 60_000);
  await until(() => ends.length === 4);
  visits.onModuleDestroy();
  for (const one of ends) one();
  await Promise.all([running, waiting]);
  expect(begun).toEqual([]);
  expect(visits.underWay(close)).toEqual([]);
});
