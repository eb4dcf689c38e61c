import { check } from 'k6';
import type { Options } from 'k6/options';
import { buy, call, ordersPath, readSale, salePath, untilWritten, type Sale } from './lib/api.ts';
import { buyer } from './lib/buyer.ts';
import { summarise } from './lib/summary.ts';
import { always, summaryTrendStats } from './lib/thresholds.ts';

/** Does everything answer at all? Twenty buyers, one purchase each; run it before any other. */
export const options: Options = {
  summaryTrendStats,
  scenarios: { smoke: { executor: 'shared-iterations', vus: 2, iterations: 20, maxDuration: '1m' } },
  thresholds: { ...always, checks: ['rate==1'], accepted: ['count==20'], written_after_ms: ['p(95)<5000'] },
};

export const setup = readSale;

export default async function smoke(sale: Sale): Promise<void> {
  const { token, key } = buyer();
  const shown = await call('GET', salePath);
  check(shown, { 'the sale is shown': ({ status }) => status === 200 });
  const first = await buy(sale, token, key);
  const status = await untilWritten(first, token);
  check(status, { 'the order is written': (it) => it === 'reserved' });
  const second = await buy(sale, token, key);
  check(second, { 'a retry is the same order': ({ orderId }) => orderId === first.orderId });
  const own = await call('GET', ordersPath, { token });
  check(own, { 'the buyer finds it again': ({ body }) => body.includes(first.orderId) });
}

export const handleSummary = summarise('smoke');
