import type { Options } from 'k6/options';
import { buy, readSale, untilWritten, type Sale } from './lib/api.ts';
import { buyer } from './lib/buyer.ts';
import { amount } from './lib/environment.ts';
import { rampingRate } from './lib/load.ts';
import { summarise } from './lib/summary.ts';
import { always, served, summaryTrendStats } from './lib/thresholds.ts';

/** The opening: within the first twentieth of the time from nobody to everybody, who then give up one after the other. */
const load = { rate: amount('RATE', 2_000), seconds: amount('DURATION', 20), patienceSeconds: 10 };

export const options: Options = {
  summaryTrendStats,
  scenarios: {
    surge: rampingRate(load, [
      [0.05, 1],
      [0.45, 1],
      [0.5, 0.1],
    ]),
  },
  thresholds: {
    ...always,
    ...served,
    purchase_ms: ['p(95)<500', 'p(99)<1000'],
    written_after_ms: ['p(99)<5000'],
  },
};

export const setup = readSale;

export default async function surge(sale: Sale): Promise<void> {
  const { token, key } = buyer();
  await untilWritten(await buy(sale, token, key), token);
}

export const handleSummary = summarise('surge');
