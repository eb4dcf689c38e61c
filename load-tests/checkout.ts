import { check } from 'k6';
import { Counter } from 'k6/metrics';
import type { Options } from 'k6/options';
import { buy, call, ordersPath, readSale, untilWritten, type Sale } from './lib/api.ts';
import { buyer, pause } from './lib/buyer.ts';
import { amount } from './lib/environment.ts';
import { constantRate } from './lib/load.ts';
import { summarise } from './lib/summary.ts';
import { always, served, summaryTrendStats } from './lib/thresholds.ts';

/** The whole way: buy, wait until the order is written, think, and confirm; every fifth leaves instead and gives the stock back. */
const thinkSeconds = amount('THINK_SECONDS', 2);
const leaves = 0.2;

const confirmed = new Counter('confirmed');
const left = new Counter('left');

export const options: Options = {
  summaryTrendStats,
  scenarios: {
    checkout: constantRate({
      rate: amount('RATE', 50),
      seconds: amount('DURATION', 300),
      patienceSeconds: 5 + 2 * thinkSeconds,
    }),
  },
  thresholds: {
    ...always,
    ...served,
    checks: ['rate==1'],
    confirmed: ['count>0'],
    accepted_ms: ['p(95)<250'],
    written_after_ms: ['p(95)<1000', 'p(99)<2000'],
  },
};

export const setup = readSale;

export default async function checkout(sale: Sale): Promise<void> {
  const { token, key } = buyer();
  const purchase = await buy(sale, token, key);
  const written = await untilWritten(purchase, token);
  if (written === 'refused') return;
  check(written, { 'a 202 becomes reserved or rejected': (it) => it === 'reserved' || it === 'rejected' });
  if (written !== 'reserved') return;
  await pause(thinkSeconds * (0.5 + Math.random()));
  const step = Math.random() < leaves ? 'cancel' : 'confirm';
  const { status } = await call('POST', `${ordersPath}/${purchase.orderId}/${step}`, { token });
  check(status, { 'a held order can be claimed or left': (it) => it === 200 });
  if (status === 200) (step === 'confirm' ? confirmed : left).add(1);
}

export const handleSummary = summarise('checkout');
