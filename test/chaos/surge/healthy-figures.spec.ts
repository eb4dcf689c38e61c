import { expect, test } from '@jest/globals';
import type { Fault } from './fault-kinds.js';
import { healthyFigures } from './healthy-figures.js';
import type { StepRecord } from './journal.js';
import type { Struck } from './struck.js';

function struck(kind: Fault['kind'], victim: string, at: number, overAt: number): Struck {
  return { fault: { atMs: 0, kind, victim, durationMs: 0, amount: 0 }, at, overAt };
}

function steps(from: number, tookMs: number, count = 1, refusals: string[] = []): StepRecord[] {
  return Array.from({ length: count }, () => ({ step: 'status', from, to: from + tookMs, refusals }));
}

const gate = struck('held-gate', 'arena', 100_000, 110_000);

test('when two of a hundred buyers wait for over a second beside a held gate, then the promise is broken', () => {
  const taken = [...steps(101_000, 20, 98), ...steps(101_000, 1500, 2)];
  expect(healthyFigures(taken, [gate], false).slow).toEqual(['status: p99 1.50 s of 100']);
});

test('when one of a hundred does, or they wait after the gate is free, then it is kept', () => {
  const taken = [...steps(101_000, 20, 99), ...steps(101_000, 1500), ...steps(120_000, 5000, 50)];
  expect(healthyFigures(taken, [gate], false)).toMatchObject({ slow: [], starved: [] });
});

test('when they are refused beside it, then each refusal is named; without it none is', () => {
  const taken = [...steps(101_000, 20, 1, ['503 overloaded']), ...steps(90_000, 20, 1, ['503 unavailable'])];
  expect(healthyFigures(taken, [gate], false).starved).toEqual(['status at 101000: 503 overloaded, beside held-gate']);
});

test.each([
  ['kill', 'api-1'],
  ['freeze', 'worker-2'],
  ['redis-hole', 'all'],
  ['redis-key', '{sluice}:orders:wait'],
  ['standstill', 'postgres'],
] as const)('when %s of %s stops what they need, or did a moment ago, then nothing is promised', (kind, victim) => {
  const taken = steps(101_000, 5000, 10, ['503 unavailable']);
  const stop = struck(kind, victim, 90_000, 95_000);
  expect(healthyFigures(taken, [gate, stop], false)).toMatchObject({ slow: [], starved: [] });
});

test.each([
  ['kill', 'reconciler'],
  ['redis-hole', 'api-2'],
  ['redis-key', 'club:stock'],
] as const)('when %s of %s stops nothing that they need, then all is promised', (kind, victim) => {
  const taken = steps(101_000, 5000, 10);
  const other = struck(kind, victim, 90_000, 105_000);
  expect(healthyFigures(taken, [gate, other], false).slow).toEqual(['status: p99 5.00 s of 10']);
});

test('when a server stops after a buyer has waited too long already, then the wait until then counts', () => {
  const stop = struck('redis-kill', 'redis', 105_000, 106_000);
  const waiting = healthyFigures(steps(101_000, 9000, 10), [gate, stop], false);
  expect(waiting.slow).toEqual(['status: p99 4.00 s of 10']);
  const begun = healthyFigures(steps(104_500, 9000, 10), [gate, stop], false);
  expect(begun.slow).toEqual([]);
});
