import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import type { Options } from 'k6/options';
import { buy, readSale, type Sale } from './lib/api.ts';
import { buyer } from './lib/buyer.ts';
import { amount } from './lib/environment.ts';
import { rampingRate } from './lib/load.ts';
import { summarise } from './lib/summary.ts';
import { always, served, summaryTrendStats } from './lib/thresholds.ts';

/** Calm, a peak twenty times as high for a tenth of the time, and calm again, in which it must be as quick as before. */
const load = { rate: amount('RATE', 1_500), seconds: amount('DURATION', 120), patienceSeconds: 10 };
const calmAgain = 0.7;

/** Answers to purchases well after the peak. */
const recoveredMs = new Trend('recovered_ms', true);

export const options: Options = {
  summaryTrendStats,
  scenarios: {
    spike: rampingRate(load, [
      [0.4, 0.05],
      [0.01, 1],
      [0.1, 1],
      [0.01, 0.05],
      [0.48, 0.05],
    ]),
  },
  thresholds: { ...always, ...served, accepted_ms: ['p(95)<1000'], recovered_ms: ['p(95)<250'] },
};

export const setup = readSale;

export default async function spike(sale: Sale): Promise<void> {
  const { token, key } = buyer();
  const late = exec.scenario.progress > calmAgain;
  const startedAt = Date.now();
  await buy(sale, token, key);
  if (late) recoveredMs.add(Date.now() - startedAt);
}

export const handleSummary = summarise('spike');
