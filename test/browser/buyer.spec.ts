/** @needs chromium */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { gzipSync } from 'node:zlib';
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page, Request } from 'playwright-core';
import { buyer, type Body } from '../support/api-client.js';
import { startBrowser, violationsOf, visitor } from '../support/browser.js';
import { openSale, purchase, times, writtenOrder, type GivenSale } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { hmacToken, inSeconds } from '../support/tokens.js';
import { until } from '../support/until.js';
import { MortalApi } from './mortal-api.js';

let system: System;
let browser: Browser;
let mortal: Promise<MortalApi>;
let contexts: BrowserContext[] = [];
let pageErrors: string[][] = [];

beforeAll(async () => {
  [system, browser] = await Promise.all([startSystem({ env: { GUEST_SESSIONS: 'on' } }), startBrowser()]);
  mortal = MortalApi.start(system.servers); // ready by the time that a test wants to kill it
  mortal.catch(() => undefined);
});

afterEach(async () => {
  await Promise.all(contexts.map((context) => context.close()));
  contexts = [];
  expect(pageErrors.flat()).toEqual([]);
  pageErrors = [];
});

afterAll(async () => {
  await mortal.then(
    (api) => api.kill(),
    () => undefined, // its test has failed
  );
  await browser.close();
  await system.stop();
});

/** Somebody who looks at a page. */
async function visit(path: string, options: BrowserContextOptions = {}, url = system.api.url): Promise<Page> {
  const one = await visitor(browser, url, options);
  contexts.push(one.context);
  pageErrors.push(one.errors);
  await one.page.goto(path);
  return one.page;
}

/** The address of a sale for a buyer who has signed in elsewhere. */
function addressFor(sale: GivenSale, buyerId: string): string {
  return `/sales/${sale.id}#token=${buyer(buyerId)['authorization']?.replace('Bearer ', '') ?? ''}`;
}

/** The button of the form, whatever it says. */
function bigButton(page: Page): Locator {
  return page.locator('form button.big');
}

function heading(page: Page, name: string): Locator {
  return page.getByRole('heading', { name });
}

async function ordersOf(sale: GivenSale, buyerId: string): Promise<readonly Body[]> {
  return (await system.api.get(sale.orders, buyer(buyerId))).body.data;
}

describe('a purchase', () => {
  test('when a buyer clicks and confirms, then the tickets are theirs, and a reload and a second device show it', async () => {
    const sale = await openSale(system.api);
    const page = await visit(addressFor(sale, 'ann'));
    await bigButton(page).click();
    await heading(page, 'Held for you').waitFor();
    expect(new URL(page.url()).hash).toBe('');
    await page.getByRole('button', { name: 'Confirm' }).click();
    await heading(page, 'The tickets are yours').waitFor();
    expect(await ordersOf(sale, 'ann')).toMatchObject([{ status: 'confirmed' }]);
    await page.reload();
    await heading(page, 'The tickets are yours').waitFor();
    const phone = await visit(addressFor(sale, 'ann'));
    await heading(phone, 'The tickets are yours').waitFor();
  });

  test('when a buyer clicks twice, then there is one order; when they cancel it, then each of their devices says so', async () => {
    const sale = await openSale(system.api);
    const page = await visit(addressFor(sale, 'ben'));
    await bigButton(page).dblclick();
    await heading(page, 'Held for you').waitFor();
    expect(await ordersOf(sale, 'ben')).toHaveLength(1);
    const phone = await visit(addressFor(sale, 'ben'));
    await heading(phone, 'Held for you').waitFor();
    await page.getByRole('button', { name: 'Cancel order' }).click();
    await heading(page, 'Cancelled').waitFor();
    await heading(phone, 'Cancelled').waitFor();
    expect(await ordersOf(sale, 'ben')).toMatchObject([{ status: 'cancelled' }]);
  });

  test('when others were faster, then the page says so, and the button rests', async () => {
    const sale = await openSale(system.api, { capacities: [1] });
    const page = await visit(addressFor(sale, 'cleo'));
    await bigButton(page).waitFor();
    await page.route(`**/v1/sales/${sale.id}`, (route) => route.abort()); // the page learns nothing meanwhile
    await purchase(system.api, sale, 'rival');
    await bigButton(page).click();
    await page.getByRole('alert').filter({ hasText: 'Too late' }).waitFor();
    await page.unroute(`**/v1/sales/${sale.id}`);
    await page.locator('form button.big[aria-disabled=true]', { hasText: 'Sold out' }).waitFor();
    expect(await ordersOf(sale, 'cleo')).toEqual([]);
  });

  test('when a hold runs out, then it is seen on the screen', async () => {
    const sale = await openSale(system.api, { holdSeconds: 2 });
    const page = await visit(addressFor(sale, 'dora'));
    await bigButton(page).click();
    await page.getByRole('timer').filter({ hasText: '00:0' }).waitFor();
    await heading(page, 'Time ran out').waitFor();
    expect(await page.getByRole('button', { name: 'Confirm' }).count()).toBe(0);
  });

  test('when a sale opens, then the button works by itself; when it is paid elsewhere, then there is nothing to confirm', async () => {
    const opensAt = new Date(Date.now() + 4000);
    const sale = await openSale(system.api, { opensAt, payment: 'webhook' });
    const page = await visit(addressFor(sale, 'emil'));
    await page.getByRole('button', { name: /^Opens in 00:0/ }).waitFor();
    await page.getByRole('button', { name: 'Get 1 ticket' }).click();
    await page.getByText('Pay by the payment link').waitFor();
    expect(await page.getByRole('button', { name: 'Confirm' }).count()).toBe(0);
  });
});

describe('several orders', () => {
  test('when more orders are held than a browser has connections, then the page still works', async () => {
    const sale = await openSale(system.api, { maxPerBuyer: 8 });
    await Promise.all(times(7, () => writtenOrder(system.api, sale, 'olga')));
    const page = await visit('about:blank');
    const streams = new Set<Request>();
    page.on('request', (request) => request.url().endsWith('/events') && streams.add(request));
    page.on('requestfinished', (request) => streams.delete(request));
    page.on('requestfailed', (request) => streams.delete(request));
    await page.goto(system.api.url + addressFor(sale, 'olga'));
    await until(() => streams.size > 0);
    expect(await heading(page, 'Held for you').count()).toBe(7);
    const oldest = page.getByRole('article').last();
    await oldest.getByRole('button', { name: 'Confirm' }).click();
    await heading(page, 'The tickets are yours').waitFor();
    expect(streams.size).toBeLessThanOrEqual(2);
    await page.evaluate(`Object.defineProperty(document, 'hidden', { value: true });
      document.dispatchEvent(new Event('visibilitychange'))`);
    await until(() => streams.size === 0);
  });

  test('when the last order ends while the next is filled in, then what was filled in stays', async () => {
    const buyerFields = [{ name: 'email', type: 'email', required: true, label: 'E-mail' }];
    const sale = await openSale(system.api, { capacities: [5, 5], buyerFields });
    const order = await writtenOrder(system.api, sale, 'pia', { answers: { email: 'pia@host.example' } });
    const page = await visit(addressFor(sale, 'pia'));
    await page.getByText('Buy more tickets').click();
    await page.getByRole('button', { name: 'One more: Type 2' }).click();
    await page.getByLabel('E-mail').fill('pia@else');
    await system.api.post(`${order.path}/cancel`, buyer('pia'));
    await heading(page, 'Cancelled').waitFor();
    await page.getByRole('button', { name: 'Get 1 ticket' }).waitFor();
    expect(await page.getByLabel('E-mail').inputValue()).toBe('pia@else');
  });
});

describe('a bad connection', () => {
  test('when the answer is lost, then the same request is sent again, and there is one order', async () => {
    const sale = await openSale(system.api);
    const page = await visit(addressFor(sale, 'finn'));
    const keys: (string | undefined)[] = [];
    await page.route(`**${sale.orders}`, async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      keys.push(route.request().headers()['idempotency-key']);
      if (keys.length > 1) return route.continue();
      await route.fetch();
      return route.abort();
    });
    await bigButton(page).click();
    await heading(page, 'Held for you').waitFor();
    expect(keys).toEqual([expect.any(String), keys[0]]);
    expect(await ordersOf(sale, 'finn')).toHaveLength(1);
  });

  test('when the device is offline, then it says so; after a reload and back online it goes on by itself', async () => {
    const sale = await openSale(system.api);
    const page = await visit(addressFor(sale, 'gil'));
    await bigButton(page).waitFor();
    await page.context().setOffline(true);
    await bigButton(page).click();
    await page.locator('.notice', { hasText: 'No connection. Your request is kept' }).waitFor();
    await page.context().setOffline(false);
    await page.reload(); // with the request unanswered or not: the key is kept
    await heading(page, 'Held for you').waitFor();
    expect(await ordersOf(sale, 'gil')).toHaveLength(1);
  });

  test('when the device is back online, then the purchase goes on without a reload', async () => {
    const sale = await openSale(system.api);
    const page = await visit(addressFor(sale, 'rosa'));
    await bigButton(page).waitFor();
    await page.context().setOffline(true);
    await bigButton(page).click();
    await page.locator('.notice', { hasText: 'No connection. Your request is kept' }).waitFor();
    await page.context().setOffline(false);
    await heading(page, 'Held for you').waitFor();
    expect(await ordersOf(sale, 'rosa')).toHaveLength(1);
  });

  test('when a buyer stops trying, then the order that comes through later shows up, and the same click again is no second', async () => {
    const sale = await openSale(system.api);
    const page = await visit(addressFor(sale, 'gus'));
    const keys: string[] = [];
    await page.route(`**${sale.orders}`, (route) => {
      const key = route.request().headers()['idempotency-key'];
      if (key === undefined) return route.continue();
      keys.push(key);
      return route.abort();
    });
    const stopTrying = async (): Promise<void> => {
      await bigButton(page).click();
      await page.getByRole('button', { name: 'Stop trying' }).click();
    };
    await stopTrying();
    await stopTrying();
    const [key = ''] = keys;
    expect(new Set(keys)).toEqual(new Set([key]));
    const looked = page.waitForResponse(`**${sale.orders}`);
    await page.locator('.notice', { hasText: 'the order will show up here' }).waitFor();
    await looked;
    await purchase(system.api, sale, 'gus', { key }); // what was on its way arrives
    await heading(page, 'Held for you').waitFor();
    expect(await ordersOf(sale, 'gus')).toHaveLength(1);
  });

  test('when the API is killed in the middle of a purchase and comes back, then there is the one order', async () => {
    const sale = await openSale(system.api);
    const api = await mortal;
    try {
      const page = await visit(addressFor(sale, 'hugo'), {}, api.url);
      await page.route(
        `**${sale.orders}`,
        async (route) => {
          await route.fetch(); // it has the order
          await api.kill(); // before it can say so
          await route.abort();
        },
        { times: 1 },
      );
      await bigButton(page).click();
      await page.locator('.notice', { hasText: 'No connection. Your request is kept' }).waitFor();
      await api.start();
      await heading(page, 'Held for you').waitFor({ timeout: 15_000 }); // up to 10 s until the next try
      expect(await ordersOf(sale, 'hugo')).toMatchObject([{ status: 'reserved' }]);
    } finally {
      await api.kill();
    }
  }, 120_000);

  test('when there are too many requests, then the page waits as told, and goes on by itself', async () => {
    const sale = await openSale(system.api);
    const strict = await system.startApi({ RATE_LIMIT_BUYER: '1/3s' });
    const page = await visit(addressFor(sale, 'ida'), {}, strict.url);
    await bigButton(page).click();
    await page.locator('.notice', { hasText: 'That was a little fast' }).waitFor();
    await page.getByText(/Next try in 00:0|Trying again/).waitFor();
    await until(async () => (await ordersOf(sale, 'ida')).length === 1, { timeoutMs: 10_000 });
  });
});

describe('who buys', () => {
  test('when guests are let in, then anybody can buy, and a reload finds the order', async () => {
    const sale = await openSale(system.api);
    const page = await visit('/');
    await page.getByRole('link', { name: 'A concert' }).first().click();
    await bigButton(page).click();
    await heading(page, 'Held for you').waitFor();
    await page.reload();
    await heading(page, 'Held for you').waitFor();
    expect(page.url()).toContain(sale.id);
  });

  test('when nobody is let in without a token, or it has expired, then the page says what to do', async () => {
    const sale = await openSale(system.api);
    const closed = await system.startApi({ GUEST_SESSIONS: 'off' });
    const page = await visit(`/sales/${sale.id}`, {}, closed.url);
    await page.getByText('you need a personal link').waitFor();
    const old = hmacToken({ sub: 'jan', exp: inSeconds(-60) });
    const late = await visit(`/sales/${sale.id}#token=${old}`);
    await late.getByText('Your sign-in has expired').waitFor();
    const lost = await visit('/sales/0190');
    await lost.getByText('There is no such sale').waitFor();
  });

  test('when another link is opened on the page, then it is another buyer’s: nothing of the last one’s is shown or sent', async () => {
    const sale = await openSale(system.api, { capacities: [5, 5] });
    await writtenOrder(system.api, sale, 'sam');
    const page = await visit(addressFor(sale, 'sam'));
    await heading(page, 'Held for you').waitFor();
    await page.getByText('Buy more tickets').click();
    await page.getByRole('button', { name: 'One more: Type 2' }).click();
    await page.route(`**${sale.orders}`, (route) => route.abort());
    await bigButton(page).click();
    await page.getByRole('button', { name: 'Stop trying' }).waitFor();
    await page.goto(addressFor(sale, 'tess'));
    await heading(page, 'Held for you').waitFor({ state: 'detached' });
    expect(new URL(page.url()).hash).toBe('');
    await page.unroute(`**${sale.orders}`);
    await page.getByRole('button', { name: 'One more: Type 1' }).click();
    await page.getByRole('button', { name: 'Get 1 ticket' }).click();
    await heading(page, 'Held for you').waitFor();
    expect(await ordersOf(sale, 'tess')).toMatchObject([{ items: [{ ticketTypeId: sale.types[0], quantity: 1 }] }]);
    expect(await ordersOf(sale, 'sam')).toHaveLength(1);
  });

  test('when a link was damaged on its way, then the page asks for another, and does not speak of the connection', async () => {
    const sale = await openSale(system.api);
    const [, token = ''] = addressFor(sale, 'uwe').split('=');
    for (const damaged of [`${token.slice(0, 20)}%E2%80%8B${token.slice(20)}`, `${token.slice(0, 30)}…`]) {
      const page = await visit(`/sales/${sale.id}#token=${damaged}`);
      await page.getByText('Your sign-in has expired').waitFor();
    }
  });
});

describe('everybody', () => {
  const buyerFields = [
    { name: 'email', type: 'email', required: true, label: 'E-mail' },
    { name: 'age', type: 'number', required: false, label: 'Age' },
    { name: 'size', type: 'choice', required: true, label: 'Shirt', choices: ['S', 'M', 'L'] },
    { name: 'news', type: 'boolean', required: false, label: 'Send me news' },
  ];

  test('when a buyer has only a keyboard, then they find what is missing, buy and confirm', async () => {
    const sale = await openSale(system.api, { capacities: [5, 5], buyerFields });
    const page = await visit(addressFor(sale, 'kim'));
    await bigButton(page).waitFor();
    const focused = (): Promise<string> =>
      page.evaluate('document.activeElement.getAttribute("aria-label") ?? document.activeElement.name ?? ""');
    const tabTo = async (name: string): Promise<void> => {
      for (let i = 0; i < 20 && (await focused()) !== name; i++) await page.keyboard.press('Tab');
      expect(await focused()).toBe(name);
    };
    await tabTo('One more: Type 2');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Space');
    await tabTo('answer-email');
    await page.keyboard.type('kim@host'); // well formed for a browser, and not for the server
    await page.keyboard.press('Enter');
    await page.getByText('Please fill this in.').waitFor();
    expect(await focused()).toBe('answer-size');
    await page.keyboard.type('M');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('must be an e-mail address').waitFor();
    expect(await focused()).toBe('answer-email');
    await page.keyboard.press('End');
    await page.keyboard.type('.example');
    await page.keyboard.press('Enter');
    await heading(page, 'Held for you').waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await heading(page, 'The tickets are yours').waitFor();
    expect(await page.evaluate('document.activeElement.textContent')).toBe('The tickets are yours');
    expect(await ordersOf(sale, 'kim')).toMatchObject([
      { items: [{ quantity: 2 }], answers: { email: 'kim@host.example', size: 'M', news: false } },
    ]);
  });

  test('when the screen is a small phone, then nothing is cut off, and all that is touched is large enough', async () => {
    const sale = await openSale(system.api, { name: 'Unbrechbarer'.repeat(5), capacities: [5, 5], buyerFields });
    const page = await visit(addressFor(sale, 'lea'), { viewport: { width: 360, height: 640 }, hasTouch: true });
    await page.getByRole('button', { name: 'One more: Type 1' }).tap();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    const small = `[...document.querySelectorAll('button, a:not(.skip), input:not([type=checkbox]), select')]
      .map((e) => [e.textContent, e.getBoundingClientRect().height]).filter(([, height]) => height < 44)`;
    expect(await page.evaluate(small)).toEqual([]);
    expect(await bigButton(page).isVisible()).toBe(true);
  });

  test('when axe looks at each page, in both themes and both languages, then it finds nothing', async () => {
    const sale = await openSale(system.api, { capacities: [1, 5], buyerFields });
    await purchase(system.api, sale, 'rival', { answers: { email: 'a@b.example', size: 'S' } });
    const page = await visit(addressFor(sale, 'mia'));
    const examine = async (): Promise<void> => {
      for (const lang of ['zh-Hant', 'en']) {
        await page.locator('header button').click();
        expect(await page.evaluate('document.documentElement.lang')).toBe(lang);
        for (const colorScheme of ['dark', 'light'] as const) {
          await page.emulateMedia({ colorScheme });
          expect(await violationsOf(page)).toEqual([]);
        }
      }
    };
    await bigButton(page).click(); // nothing chosen: mistakes are shown
    await page.locator('.mistake').first().waitFor();
    await examine();
    await page.getByRole('button', { name: 'One more: Type 2' }).click();
    await page.getByLabel('E-mail').fill('mia@host.example');
    await page.getByLabel('Shirt').selectOption('L');
    await bigButton(page).click();
    await heading(page, 'Held for you').waitFor();
    await examine();
    await page.locator('.brand').click();
    await page.locator('.sales').waitFor();
    await examine();
  }, 60_000);
});

describe('the weight', () => {
  test('when the page is loaded on a slow device, then it is small and the button works soon', async () => {
    const sale = await openSale(system.api);
    const page = await visit('about:blank');
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('Emulation.setCPUThrottlingRate', { rate: 6 });
    const requests: Request[] = [];
    page.on('request', (request) => requests.push(request));
    const startedMs = performance.now();
    await page.goto(system.api.url + addressFor(sale, 'nele'));
    await bigButton(page).waitFor();
    const workedMs = performance.now() - startedMs;
    const scripts = requests.filter((request) => request.resourceType() === 'script');
    const sizes = await Promise.all(scripts.map(async (script) => (await script.sizes()).responseBodySize));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const gzipped = gzipSync(
      (await Promise.all(scripts.map((script) => script.response().then((answer) => answer?.body())))).join(''),
    ).length;
    if (process.env['WEIGHT'] !== undefined) console.log({ bytes, gzipped, requests: requests.length, workedMs });
    expect(gzipped).toBeLessThan(24 * 1024);
    expect(bytes).toBeLessThan(gzipped); // brotli
    expect(requests.length).toBeLessThanOrEqual(7); // page, icon, style, scripts, sale, own orders
    expect(workedMs).toBeLessThan(5_000);
  });

  test('when files are asked for, then they are kept for ever, the page is not, and what is not there is not there', async () => {
    const page = await fetch(`${system.api.url}/sales/any`, { headers: { 'accept-encoding': 'br' } });
    expect(page.headers.get('cache-control')).toBe('public, max-age=0');
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'none';script-src 'self';style-src 'self';/,
    );
    const [script = ''] = /\/assets\/[\w-]+\.js/.exec(await page.text()) ?? [];
    for (const encoding of ['br', 'gzip']) {
      const answer = await fetch(system.api.url + script, { headers: { 'accept-encoding': encoding } });
      expect(answer.headers.get('content-encoding')).toBe(encoding);
      expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(answer.headers.get('content-type')).toMatch(/javascript/);
    }
    for (const path of ['/assets/none.js', '/assets/', '/sales', '/sales/a/b', '/index.html']) {
      const answer = await fetch(system.api.url + path);
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([
        path,
        404,
        expect.stringMatching('problem'),
      ]);
    }
  });
});
