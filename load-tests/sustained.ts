import type { Options } from 'k6/options';
import { buy, readSale, type Sale } from './lib/api.ts';
import { buyer } from './lib/buyer.ts';
import { amount } from './lib/environment.ts';
import { constantRate } from './lib/load.ts';
import { summarise } from './lib/summary.ts';
import { always, served, summaryTrendStats } from './lib/thresholds.ts';

/** As much as it is meant to carry, for minutes. */
export const options: Options = {
  summaryTrendStats,
  scenarios: { sustained: constantRate({ rate: amount('RATE', 500), seconds: amount('DURATION', 300) }) },
  thresholds: { ...always, ...served, accepted_ms: ['p(95)<250', 'p(99)<500'] },
};

export const setup = readSale;

export default async function sustained(sale: Sale): Promise<void> {
  const { token, key } = buyer();
  await buy(sale, token, key);
}

export const handleSummary = summarise('sustained');
