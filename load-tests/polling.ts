import type { Options } from 'k6/options';
import { buy, call, readSale, salePath, statusOf, type Sale } from './lib/api.ts';
import { buyer, pause } from './lib/buyer.ts';
import { amount } from './lib/environment.ts';
import { duration } from './lib/load.ts';
import { readMs, recordUnexpected } from './lib/metrics.ts';
import { summarise } from './lib/summary.ts';
import { always, served, summaryTrendStats } from './lib/thresholds.ts';

/** A crowd that looks: each buys once and then asks for the order and the sale again and again, as an impatient page does. */
const everySeconds = amount('POLL_SECONDS', 1);
const looks = amount('LOOKS', 20);

export const options: Options = {
  summaryTrendStats,
  scenarios: {
    polling: {
      executor: 'constant-vus',
      vus: amount('VUS', 500),
      duration: duration(amount('DURATION', 120)),
    },
  },
  thresholds: { ...always, ...served, read_ms: ['p(95)<100', 'p(99)<250'], accepted_ms: ['p(95)<500'] },
};

export const setup = readSale;

export default async function polling(sale: Sale): Promise<void> {
  const { token, key } = buyer();
  const { orderId } = await buy(sale, token, key);
  for (let look = 0; look < looks; look++) {
    await pause(everySeconds * (0.5 + Math.random()));
    if (orderId !== '') await statusOf(orderId, token);
    const shown = await call('GET', salePath);
    readMs.add(shown.timings.duration);
    if (shown.status !== 200 && shown.status !== 429 && shown.status !== 503) recordUnexpected();
  }
}

export const handleSummary = summarise('polling');
