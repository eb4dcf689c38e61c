import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';
import type * as waves from '../../src/cli/demo/wave.js';
import { admin, adminKey, jwtSecret, operatorKey, viewerKey } from '../support/api-client.js';
import { startBrowser, violationsOf, visitor } from '../support/browser.js';
import { draftSale, expectStatus, inventoryOf, openSale, purchase, writtenOrder } from '../support/given.js';
import type { GivenSale } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

let system: System;
let browser: Browser;
let contexts: BrowserContext[] = [];
let pageErrors: string[][] = [];
/** The first ticket of a buyer whom Postgres refuses. */
let refused: { sale: GivenSale; orderId: string };

beforeAll(async () => {
  [system, browser] = await Promise.all([startSystem(), startBrowser()]);
  await system.sql.query(`
    CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.buyer_id LIKE 'poison%' AND NEW.status = 'reserved' THEN
        RAISE EXCEPTION 'poisoned' USING ERRCODE = '23514';
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER refuse_poison BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse_poison()`);
  // a dead letter by the time that a test wants one
  const sale = await openSale(system.api, { name: 'Poisoned' });
  refused = { sale, orderId: expectStatus(202, await purchase(system.api, sale, 'poison')).body.id };
});

afterEach(async () => {
  await Promise.all(contexts.map((context) => context.close()));
  contexts = [];
  expect(pageErrors.flat()).toEqual([]);
  pageErrors = [];
});

afterAll(async () => {
  await browser.close();
  await system.stop();
});

async function visit(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const one = await visitor(browser, system.api.url, options);
  contexts.push(one.context);
  pageErrors.push(one.errors);
  await one.page.goto(path);
  return one.page;
}

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('Admin key').fill(key);
  await button(page, 'Sign in').click();
}

/** Somebody who is signed in and looks at a page. */
async function visitAs(key: string, path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await visit(path, options);
  await signIn(page, key);
  await button(page, 'Sign out').waitFor();
  return page;
}

function button(page: Page, name: string): Locator {
  return page.getByRole('button', { name, exact: true });
}

/** One of the figures that one looks at first. */
function figure(page: Page, name: string, value: string): Promise<void> {
  return page.locator('.figures > div', { hasText: name }).getByText(value, { exact: true }).waitFor();
}

function said(page: Page, text: string | RegExp): Promise<void> {
  return page.locator('.outcome').getByText(text).waitFor();
}

describe('who signs in', () => {
  test('when the key is wrong, then it says so; when it is right, then the page has the session and no script the key', async () => {
    const page = await visit('/admin');
    for (const wrong of ['not-the-key-of-anybody-at-all', 'schlüssel 鑰匙']) {
      await signIn(page, wrong);
      await page.getByText('This is not the key of an administrator.').waitFor();
    }
    await signIn(page, adminKey);
    await page.getByText('tester · admin').waitFor();
    await page.reload();
    await page.getByText('tester · admin').waitFor();
    const kept = 'JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])';
    expect(await page.evaluate(kept)).toBe('["",{},{}]');
    await button(page, 'Sign out').click();
    await page.getByLabel('Admin key').waitFor();
    await page.reload();
    await page.getByLabel('Admin key').waitFor();
  });

  test('when the session is ended elsewhere, then the next click says so, and after signing in it goes on there', async () => {
    const sale = await openSale(system.api);
    const page = await visitAs(adminKey, `/admin/sales/${sale.id}`);
    await page.locator('.connection.live').waitFor(); // a stream that stands stays
    const [cookie] = await page.context().cookies();
    const elsewhere = { cookie: `sluice_admin=${cookie?.value ?? ''}`, origin: system.api.url };
    expectStatus(204, await system.api.request('DELETE', '/v1/admin/session', { headers: elsewhere }));
    await button(page, 'Pause').click();
    await page.getByText('the session is over, or was ended elsewhere').waitFor();
    await signIn(page, adminKey);
    await button(page, 'Pause').click();
    await said(page, 'The sale is paused.');
  });

  test('when somebody may not do something, then it is not offered', async () => {
    const [sale, draft] = [await openSale(system.api), await draftSale(system.api)];
    const order = await writtenOrder(system.api, sale, 'ann');
    const reader = await visitAs(viewerKey, '/admin');
    const changing = reader.locator('button, a.button').filter({ hasNotText: /Sign out|繁體中文|Find|CSV|Look again/ });
    const readable = {
      '/admin': 'A concert',
      [`/admin/sales/${sale.id}`]: 'Consistent',
      [`/admin/sales/${draft.id}`]: 'Consistent',
      [`/admin/sales/${sale.id}/orders`]: 'ann',
      [`/admin/sales/${sale.id}/settings`]: 'Type 1',
      [`/admin/sales/${sale.id}/orders/${order.id}`]: order.id,
      '/admin/audit': 'sale.opened',
      '/admin/refunds': 'Nothing is owed',
    };
    for (const [path, text] of Object.entries(readable)) {
      await reader.goto(path);
      await reader.locator('main').getByText(text).first().waitFor();
      expect([path, await changing.allTextContents()]).toEqual([path, []]);
    }
    const helper = await visitAs(operatorKey, `/admin/sales/${sale.id}`);
    await button(helper, 'Pause').waitFor();
    expect(await button(helper, 'Close').count()).toBe(0);
    // a page that offers more than the role allows: the server has the last word
    await helper.route('**/v1/admin/session', (route) => route.fulfill({ json: { name: 'helper', role: 'admin' } }));
    await helper.reload();
    await button(helper, 'Reconcile now').click();
    await said(helper, 'Your role does not allow this.');
  });
});

describe('a sale', () => {
  test('when one is created, opened and sold, then the screen says what the API says; it can be paused and grow', async () => {
    const page = await visitAs(adminKey, '/admin');
    await page.getByRole('link', { name: 'New sale' }).click();
    await page.getByLabel('Name').first().fill('Surge');
    const types = page.getByRole('group', { name: 'Ticket type 1' });
    await types.getByLabel('Name').fill('Floor');
    await types.getByLabel('Price').fill('45.50');
    await types.getByLabel('Capacity').fill('0');
    await page.getByLabel('Closes').fill('2020-01-01T00:00');
    await button(page, 'Add a question').click();
    await page.getByLabel('Question', { exact: true }).fill('Shirt');
    await page.getByLabel('Key in the answers').fill('size');
    await page.getByLabel('Kind of answer').selectOption('choice');
    await page.getByLabel('Choices').fill('S, M, L');
    await page.getByLabel('Must be answered').uncheck();
    await button(page, 'Create the draft').click();
    const capacity = types.getByLabel('Capacity');
    await until(async () => (await capacity.getAttribute('aria-invalid')) === 'true');
    expect(await page.evaluate('document.activeElement.name')).toBe('ticketTypes[0].capacity');
    await capacity.fill('2100');
    await button(page, 'Create the draft').click();
    await page.getByText('must be after opensAt').waitFor();
    await page.getByLabel('Opens').fill('2020-01-01T00:00');
    await page.getByLabel('Closes').fill('2040-01-01T00:00');
    await button(page, 'Create the draft').dblclick();
    await said(page, 'The draft is created.');
    const id = page.url().split('/').at(-1) ?? '';
    const sales = expectStatus(200, await system.api.get('/v1/admin/sales', admin)).body.data;
    expect(sales.filter(({ name }) => name === 'Surge')).toMatchObject([
      {
        id,
        ticketTypes: [{ name: 'Floor', priceMinor: 4550, capacity: 2100 }],
        buyerFields: [{ name: 'size', label: 'Shirt', type: 'choice', required: false, choices: ['S', 'M', 'L'] }],
      },
    ]);

    await button(page, 'Open').click();
    await page.locator('h1 .status', { hasText: 'Open' }).waitFor();
    const sale = await given(id);
    await surge(sale, 2000);
    await figure(page, 'Accepted', '2,000');
    await figure(page, 'Written', '2,000');
    await figure(page, 'Outbox', '0');
    await figure(page, 'Books', 'Consistent');
    const [stock] = await inventoryOf(system.api, sale);
    const { available, queued, reserved, confirmed, drift } = stock ?? {};
    expect([available, queued, reserved, confirmed, drift]).toEqual([100, 0, 1900, 100, 0]);
    const cells = page.locator('.stock tbody td');
    await until(async () => (await cells.allTextContents()).join(' ') === '100 1,900 0 100 2,100 0');
    await page.locator('.plot canvas').first().waitFor();

    await button(page, 'Pause').click();
    await page.locator('h1 .status', { hasText: 'Paused' }).waitFor();
    expect((await purchase(system.api, sale, 'late')).body.code).toBe('sale_paused');

    await page.getByRole('link', { name: 'Settings' }).click();
    const field = page.getByLabel('Capacity: Floor');
    await field.fill('1500');
    await button(page, 'Save').click();
    await said(page, 'The capacity cannot be that small');
    await field.fill('2500');
    await button(page, 'Save').click();
    await said(page, 'Saved.');
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ capacity: 2500, available: 500, drift: 0 }]);
    await button(page, 'Reconcile now').click();
    await said(page, /^Reconciled in \d+ ms: expired 0, requeued 0, returned 0, closed 0, reloaded 0\.$/);

    await page.getByRole('link', { name: 'Orders' }).click();
    await until(async () => (await rows(page)) === 50);
    await button(page, 'Show older ones').click();
    await until(async () => (await rows(page)) === 100);
    await page.getByLabel('Status').selectOption('confirmed');
    await page.getByLabel('Buyer').fill('buyer-0');
    await button(page, 'Find').click();
    await until(async () => (await rows(page)) === 1);
    const [file] = await Promise.all([page.waitForEvent('download'), button(page, 'Download CSV').click()]);
    expect((await readFile(await file.path(), 'utf8')).trim().split('\n')).toHaveLength(2);
    await page.locator('tbody a').click();
    await button(page, 'Cancel order').click();
    await button(page, 'Leave it').click();
    await button(page, 'Cancel order').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel order' }).click();
    await page.locator('h1 .status', { hasText: 'Cancelled' }).waitFor();
    await until(async () => (await inventoryOf(system.api, sale))[0]?.available === 501);
  }, 60_000);

  test('when it is a draft, then all of it can be changed, and it can be deleted; an open one can only be closed', async () => {
    const sale = await draftSale(system.api, { capacities: [5, 5] });
    const page = await visitAs(adminKey, `/admin/sales/${sale.id}/settings`);
    await page.getByRole('button', { name: 'Remove: Ticket type 1' }).click();
    await page.getByRole('group', { name: 'Ticket type 1' }).getByLabel('Name').fill('Balcony');
    await page.getByLabel('Currency').fill('usd');
    await button(page, 'Save').click();
    await said(page, 'Saved.');
    const { body } = expectStatus(200, await system.api.get(sale.admin, admin));
    expect(body.ticketTypes).toMatchObject([{ name: 'Balcony', priceMinor: 2000, currency: 'USD', capacity: 5 }]);
    await button(page, 'Delete draft').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete draft' }).click();
    await said(page, 'The draft is deleted.');
    expectStatus(404, await system.api.get(sale.admin, admin));

    const open = await openSale(system.api);
    await page.goto(`/admin/sales/${open.id}`);
    await button(page, 'Close').click();
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await button(page, 'Close').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
    await page.locator('h1 .status', { hasText: 'Closed' }).waitFor();
    expect(await button(page, 'Close').count()).toBe(0);
  });

  test('when the stream is cut, then the page says so, and goes on by itself', async () => {
    const sale = await openSale(system.api);
    const page = await visitAs(viewerKey, '/admin');
    await page.route('**/events', (route) => route.abort());
    await page.goto(`/admin/sales/${sale.id}`);
    await page.locator('.notice', { hasText: 'No news from the server' }).waitFor();
    await page.unroute('**/events');
    await figure(page, 'Available', '10');
    await page.locator('.connection.live').waitFor();
    expect(await page.locator('.notice').count()).toBe(0);
  });
});

describe('what went wrong', () => {
  test('when an order could not be written, then it can be retried, and is written', async () => {
    const isDead = async (): Promise<boolean> =>
      (await system.api.get('/v1/admin/dead-letters', admin)).body.data.some(({ id }) => id === refused.orderId);
    await until(isDead, { timeoutMs: 20_000 });
    const page = await visitAs(adminKey, '/admin/dead-letters');
    await page.getByText('poisoned', { exact: true }).waitFor();
    await system.sql.query('ALTER TABLE orders DISABLE TRIGGER refuse_poison');
    await page.getByRole('button', { name: /^Retry/ }).click();
    await said(page, 'It is tried again.');
    await page.getByText('every order could be written').waitFor();
    const status = async (): Promise<string> =>
      (await system.api.get(`${refused.sale.admin}/orders/${refused.orderId}`, admin)).body.status;
    await until(async () => (await status()) === 'reserved', { timeoutMs: 10_000 });
    await page.getByRole('link', { name: 'Audit log' }).click();
    await page.getByText('dead-letter.retried').waitFor();
  }, 40_000);
});

describe('everybody', () => {
  test('when axe looks at each page, in both themes and both languages, then it finds nothing, and nothing is cut off', async () => {
    const buyerFields = [{ name: 'size', type: 'choice', required: false, label: 'Shirt', choices: ['S', 'M'] }];
    const sale = await openSale(system.api, { name: 'Unbrechbarer'.repeat(5), capacities: [5, 5] });
    const draft = await draftSale(system.api, { buyerFields });
    const order = await writtenOrder(system.api, sale, 'x'.repeat(255));
    const page = await visit('/admin');
    const examine = async (where: string): Promise<void> => {
      for (const colorScheme of ['dark', 'light'] as const) {
        await page.emulateMedia({ colorScheme });
        expect([where, colorScheme, await violationsOf(page)]).toEqual([where, colorScheme, []]);
      }
      await page.setViewportSize({ width: 360, height: 640 });
      expect([where, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([where, 360]);
      await page.setViewportSize({ width: 1280, height: 800 });
    };
    await signIn(page, 'wrong');
    await page.getByText('This is not the key').waitFor();
    await examine('sign in');
    await signIn(page, adminKey);
    await button(page, 'Sign out').waitFor();
    const pages = {
      '/admin': '.status',
      '/admin/sales/new': 'form',
      [`/admin/sales/${sale.id}`]: '.stock td',
      [`/admin/sales/${sale.id}/orders`]: 'tbody .status',
      [`/admin/sales/${sale.id}/settings`]: 'form',
      [`/admin/sales/${draft.id}/settings`]: 'form fieldset',
      [`/admin/sales/${sale.id}/orders/${order.id}`]: '.facts',
      '/admin/dead-letters': 'main .muted',
      '/admin/refunds': 'main .muted',
      '/admin/audit': 'tbody tr',
    };
    for (const [path, ready] of Object.entries(pages)) {
      await page.goto(path);
      await page.locator(ready).first().waitFor();
      await examine(path);
    }
    await page.goto(`/admin/sales/${sale.id}`);
    await page.locator('header button').first().click();
    await page.getByText('一致', { exact: true }).waitFor();
    await page.getByRole('button', { name: '結束', exact: true }).click();
    await page.getByRole('dialog').waitFor();
    await examine('a question, in Chinese');
  }, 60_000);

  test('when the page is loaded, then its scripts are small, and the board of queues is one click away', async () => {
    const page = await visit('/admin');
    const scripts: number[] = [];
    page.on('response', (response) => {
      if (response.request().resourceType() === 'script') scripts.push(Number(response.headers()['content-length']));
    });
    await page.reload();
    await signIn(page, adminKey);
    await page.getByRole('link', { name: 'Queues' }).waitFor();
    expect(scripts.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(50 * 1024);
    await page.getByRole('link', { name: 'Queues' }).click();
    await page.waitForURL('**/admin/queues*');
    await page.getByText('0 Jobs').waitFor();
    pageErrors = []; // Bull Board's
  });
});

function rows(page: Page): Promise<number> {
  return page.locator('tbody tr').count();
}

/** What a test needs to know of a sale that a page has made. */
async function given(id: string): Promise<GivenSale> {
  const { body } = expectStatus(200, await system.api.get(`/v1/admin/sales/${id}`, admin));
  const types = body.ticketTypes.map((type) => type.id);
  return { id, types, orders: `/v1/sales/${id}/orders`, admin: `/v1/admin/sales/${id}` };
}

/** So many buyers at once, by the demo's load generator; 100 of them confirm. */
async function surge(sale: GivenSale, buyers: number): Promise<void> {
  const { sendWave } = (await import(new URL('../../dist/cli/demo/wave.js', import.meta.url).href)) as typeof waves;
  const demand = [{ ticketTypeId: sale.types[0] ?? '', buyers }];
  const job = { api: system.api.url, saleId: sale.id, buyerSecret: jwtSecret, crowd: 'buyer', demand, concurrency: 50 };
  await sendWave({ ...job, confirmations: 100, patienceMs: 0 }, new AbortController().signal, () => undefined);
}
