import { check } from 'k6';
import exec from 'k6/execution';
import { Rate, Trend } from 'k6/metrics';
import type { Options } from 'k6/options';
import { buy, call, ordersPath, readSale, type Sale } from './lib/api.ts';
import { buyer } from './lib/buyer.ts';
import { amount, tokenOf } from './lib/environment.ts';
import { constantRate } from './lib/load.ts';
import { summarise } from './lib/summary.ts';
import { always, summaryTrendStats } from './lib/thresholds.ts';

/** One greedy buyer and many who send nonsense, while honest ones buy: each gets the refusal that the contract has, and honest ones stock. */
const rate = amount('RATE', 200);
const seconds = amount('DURATION', 60);

/** Answers to honest buyers. */
const honestMs = new Trend('honest_ms', true);
/** Whether they got their ticket. */
const honestServed = new Rate('honest_served');

export const options: Options = {
  summaryTrendStats,
  scenarios: {
    greedy: constantRate({ rate, seconds, exec: 'greedy' }),
    nonsense: constantRate({ rate, seconds, exec: 'nonsense' }),
    honest: constantRate({ rate: rate / 10, seconds, exec: 'honest' }),
  },
  thresholds: {
    ...always,
    checks: ['rate==1'],
    rate_limited: ['count>0'],
    honest_served: ['rate>0.95'],
    honest_ms: ['p(95)<500'],
  },
};

export const setup = readSale;

/** One buyer, who is the last of the file, as quickly as he can. */
export async function greedy(sale: Sale): Promise<void> {
  await buy(sale, tokenOf(-1), `greedy-${exec.scenario.iterationInTest}-${Date.now()}`);
}

const answersToNonsense = [
  { name: 'no token', status: 401, request: { body: {} } },
  { name: 'a forged token', status: 401, request: { token: 'e30.e30.e30', body: {} } },
  { name: 'no items', status: 400, buyer: true, request: { body: { items: [] } } },
  { name: 'an unknown field', status: 400, buyer: true, request: { body: { items: [], price: 0 } } },
  { name: 'another sale', status: 404, path: '/v1/sales/nowhere', request: {} },
];

/** Each is refused as the contract says, or, when its sender is too quick, by a limit. */
export async function nonsense(): Promise<void> {
  const n = exec.scenario.iterationInTest;
  const wrong = answersToNonsense[n % answersToNonsense.length] ?? answersToNonsense[0];
  if (wrong === undefined) return;
  const { name, status, path = ordersPath, request } = wrong;
  const method = 'body' in request ? 'POST' : 'GET';
  const answer = await call(method, path, { ...request, ...(wrong.buyer === true ? { token: tokenOf(n) } : {}) });
  check(answer, { [`${name}: ${status}`]: (it) => it.status === status || it.status === 429 });
}

export async function honest(sale: Sale): Promise<void> {
  const { token, key } = buyer();
  const startedAt = Date.now();
  const { outcome } = await buy(sale, token, key);
  honestMs.add(Date.now() - startedAt);
  honestServed.add(outcome === 'accepted');
}

export const handleSummary = summarise('abuse');
