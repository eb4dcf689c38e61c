import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { buyer } from '../support/api-client.js';
import { openSale } from './sale.js';

const phone: BrowserContextOptions = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 1.5, hasTouch: true };
const desktop: BrowserContextOptions = { viewport: { width: 960, height: 800 }, colorScheme: 'dark' };

const hourMs = 3_600_000;
const concert = {
  name: 'Lakeside Open Air',
  opensAt: new Date(Date.now() - hourMs).toISOString(),
  closesAt: new Date(Date.now() + 48 * hourMs).toISOString(),
  holdSeconds: 600,
  maxPerBuyer: 4,
  ticketTypes: [
    { name: 'Lawn', priceMinor: 4500, currency: 'EUR', capacity: 1000, maxPerOrder: 4 },
    { name: 'Grandstand', priceMinor: 7800, currency: 'EUR', capacity: 120, maxPerOrder: 4 },
  ],
  buyerFields: [{ name: 'email', type: 'email', required: true, label: 'E-mail' }],
};

/** The buyer's pages, by themselves and with an order. */
export async function paintBuyer(browser: Browser, url: string, folder: string): Promise<void> {
  const saleId = (await openSale(url, concert)).id;
  const address = `${url}/sales/${saleId}#token=${String(buyer('painter')['authorization']).replace('Bearer ', '')}`;
  const at = async (options: BrowserContextOptions, locale: string): Promise<Page> => {
    const context = await browser.newContext({ ...options, locale, reducedMotion: 'reduce' });
    const page = await context.newPage();
    await page.goto(address);
    return page;
  };

  const small = await at(phone, 'en-GB');
  await small.getByRole('button', { name: 'One more: Lawn' }).click({ clickCount: 2 });
  await small.screenshot({ path: `${folder}sale-phone.png` });
  await small.getByLabel('E-mail').fill('ann@example.com');
  await small.getByRole('button', { name: 'Get 2 tickets' }).click();
  await small.getByRole('heading', { name: 'Held for you' }).waitFor();
  await small.screenshot({ path: `${folder}order-phone.png` });

  const large = await at(desktop, 'zh-TW');
  await large.getByRole('heading', { name: '已為您保留' }).waitFor();
  await large.screenshot({ path: `${folder}order-desktop-dark.png` });
}
