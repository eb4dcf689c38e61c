import { setTimeout as delay } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import type * as waves from '../../src/cli/demo/wave.js';
import { adminKey, jwtSecret } from '../support/api-client.js';
import { openSale } from './sale.js';

const hourMs = 3_600_000;
const concert = {
  name: 'Lakeside Open Air',
  opensAt: new Date(Date.now() - hourMs).toISOString(),
  closesAt: new Date(Date.now() + 48 * hourMs).toISOString(),
  holdSeconds: 600,
  maxPerBuyer: 4,
  ticketTypes: [
    { name: 'Lawn', priceMinor: 4500, currency: 'EUR', capacity: 16_000, maxPerOrder: 4 },
    { name: 'Grandstand', priceMinor: 7800, currency: 'EUR', capacity: 6000, maxPerOrder: 4 },
    { name: 'Terrace', priceMinor: 12_000, currency: 'EUR', capacity: 1500, maxPerOrder: 4 },
  ],
};
/** Buyers and how many of them at once: a crowd that comes, and one that comes too late. */
const crowds = [
  { buyers: 3000, concurrency: 4, confirmations: 1000 },
  { buyers: 24_000, concurrency: 60, confirmations: 6000 },
  { buyers: 12_000, concurrency: 12, confirmations: 0 },
];
const calmMs = 4000;

/** The operator's page in the middle of a surge. */
export async function paintAdmin(browser: Browser, url: string, folder: string): Promise<void> {
  const sale = await openSale(url, concert);
  const context = await browser.newContext({
    viewport: { width: 1280, height: 820 },
    colorScheme: 'dark',
    locale: 'en-GB',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto(`${url}/admin/sales/${sale.id}`);
  await page.getByLabel('Admin key').fill(adminKey);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Live', { exact: true }).first().waitFor();
  await delay(calmMs);
  const { sendWave } = (await import(new URL('../../dist/cli/demo/wave.js', import.meta.url).href)) as typeof waves;
  const [lawn = 0, grandstand = 0] = [0.65, 0.25];
  for (const [i, { buyers, concurrency, confirmations }] of crowds.entries()) {
    const shares = [lawn, grandstand, 1 - lawn - grandstand];
    await sendWave(
      {
        api: url,
        saleId: sale.id,
        buyerSecret: jwtSecret,
        crowd: `crowd-${i}`,
        demand: sale.ticketTypes.map(({ id }, t) => ({
          ticketTypeId: id,
          buyers: Math.round(buyers * (shares[t] ?? 0)),
        })),
        concurrency,
        confirmations,
        patienceMs: 0,
      },
      new AbortController().signal,
      () => undefined,
    );
  }
  await page.screenshot({ path: `${folder}admin-surge.png` });
  await context.close();
}
