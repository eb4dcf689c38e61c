import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import type { Options } from 'k6/options';
import { buy, call, ordersPath, readSale, untilWritten, type Sale } from './lib/api.ts';
import { buyer } from './lib/buyer.ts';
import { amount } from './lib/environment.ts';
import { constantRate } from './lib/load.ts';
import { recordUnexpected } from './lib/metrics.ts';
import { summarise } from './lib/summary.ts';
import { always, served, summaryTrendStats } from './lib/thresholds.ts';

/** Hours of buyers who buy and leave again, so that stock never ends: what leaks or grows shows as slower answers at the end. */
const load = { rate: amount('RATE', 50), seconds: amount('DURATION', 3_600), patienceSeconds: 10 };

/** Answers to purchases in the last quarter. */
const lateMs = new Trend('late_ms', true);

export const options: Options = {
  summaryTrendStats,
  scenarios: { soak: constantRate(load) },
  thresholds: {
    ...always,
    ...served,
    accepted_ms: ['p(95)<250', 'p(99)<500'],
    late_ms: ['p(95)<250'],
    written_after_ms: ['p(99)<2000'],
  },
};

export const setup = readSale;

export default async function soak(sale: Sale): Promise<void> {
  const { token, key } = buyer();
  const late = exec.scenario.progress > 0.75;
  const startedAt = Date.now();
  const purchase = await buy(sale, token, key);
  if (late) lateMs.add(Date.now() - startedAt);
  if ((await untilWritten(purchase, token)) !== 'reserved') return;
  const { status } = await call('POST', `${ordersPath}/${purchase.orderId}/cancel`, { token });
  if (status !== 200 && status !== 429 && status !== 503) recordUnexpected();
}

export const handleSummary = summarise('soak');
