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
    { name: 'Lawn', priceMinor: 4500, currency: 'EUR', capacity: 12_000, maxPerOrder: 4 },
    { name: 'Grandstand', priceMinor: 7800, currency: 'EUR', capacity: 5000, maxPerOrder: 4 },
    { name: 'Terrace', priceMinor: 12_000, currency: 'EUR', capacity: 900, maxPerOrder: 4 },
  ],
};
const calm = { crowd: 'calm', buyers: 2500, concurrency: 4, confirmations: 800 };
const surge = { crowd: 'surge', buyers: 40_000, concurrency: 60, confirmations: 4000 };
/** The picture is taken when so many of the surge are in: one ticket type is sold out by then. */
const acceptedAtPicture = 10_000;
/** of the three ticket types */
const shares = [0.65, 0.25, 0.1];

/** The operator's page in the middle of a surge. */
export async function paintAdmin(browser: Browser, url: string, folder: string): Promise<void> {
  const sale = await openSale(url, concert);
  const context = await browser.newContext({
    viewport: { width: 1280, height: 960 },
    colorScheme: 'dark',
    locale: 'en-GB',
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto(`${url}/admin/sales/${sale.id}`);
  await page.getByLabel('Admin key').fill(adminKey);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Live', { exact: true }).first().waitFor();
  await delay(4000); // a quiet line before
  const { sendWave } = (await import(new URL('../../dist/cli/demo/wave.js', import.meta.url).href)) as typeof waves;
  const over = new AbortController();
  const send = ({ buyers, ...wave }: typeof calm, onAccepted: (accepted: number) => void): Promise<unknown> => {
    const demand = sale.ticketTypes.map(({ id }, i) => ({
      ticketTypeId: id,
      buyers: Math.round(buyers * (shares[i] ?? 0)),
    }));
    const job = { api: url, saleId: sale.id, buyerSecret: jwtSecret, demand, patienceMs: 0, ...wave };
    return sendWave(job, over.signal, ({ accepted }) => {
      onAccepted(accepted);
    });
  };
  await send(calm, () => undefined);
  await new Promise<void>((resolve, reject) => {
    send(surge, (accepted) => {
      if (accepted >= acceptedAtPicture) resolve();
    }).catch(reject);
  });
  await page.screenshot({ path: `${folder}admin-surge.png` });
  over.abort();
  await context.close();
}
