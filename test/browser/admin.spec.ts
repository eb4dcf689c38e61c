/** @needs chromium */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page, Request } from 'playwright-core';
import type * as waves from '../../src/cli/demo/wave.js';
import { admin, adminKey, jwtSecret, operatorKey, viewerKey } from '../support/api-client.js';
import { startBrowser, violationsOf, visitor } from '../support/browser.js';
import {
  draftSale,
  endHold,
  expectStatus,
  inventoryOf,
  openSale,
  purchase,
  reconcile,
  writtenOrder,
} from '../support/given.js';
import type { GivenSale } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';
import { pay, webhookSecret } from '../support/webhook.js';
import { DeafProxy } from './deaf-proxy.js';

let system: System;
let browser: Browser;
let contexts: BrowserContext[] = [];
let pageErrors: string[][] = [];
/** Two orders of buyers whom Postgres refuses. */
let refused: { sale: GivenSale; orderIds: readonly string[] };

beforeAll(async () => {
  [system, browser] = await Promise.all([
    startSystem({ env: { PAYMENT_WEBHOOK_SECRET: webhookSecret } }),
    startBrowser(),
  ]);
  await system.sql.query(`
    CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.buyer_id LIKE 'poison%' AND NEW.status = 'reserved' THEN
        RAISE EXCEPTION 'poisoned' USING ERRCODE = '23514';
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER refuse_poison BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse_poison()`);
  // dead letters by the time that a test wants them
  const sale = await openSale(system.api, { name: 'Poisoned' });
  const answers = [await purchase(system.api, sale, 'poison-1'), await purchase(system.api, sale, 'poison-2')];
  refused = { sale, orderIds: answers.map((answer) => expectStatus(202, answer).body.id) };
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
    await until(
      async () => {
        expect((await cells.allTextContents()).join(' ')).toBe('100 1,900 0 100 2,100 0');
        return true;
      },
      { timeoutMs: 30_000 }, // holds are counted seldom where counting takes long
    );
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
  }, 90_000);

  test('when it is a draft, then all of it can be changed, and it can be deleted; an open one can only be closed', async () => {
    const sale = await draftSale(system.api, { capacities: [5, 5] });
    const page = await visitAs(adminKey, `/admin/sales/${sale.id}/settings`);
    await page.getByRole('button', { name: 'Remove: Ticket type 1' }).click();
    await page.getByRole('group', { name: 'Ticket type 1' }).getByLabel('Name').fill('Balcony');
    await page.getByLabel('Currency').fill('usd');
    await button(page, 'Save').click();
    await said(page, 'Saved.');
    const type = page.getByRole('group', { name: 'Ticket type 1' });
    const shown = ['Name', 'Price', 'Capacity'].map((label) => type.getByLabel(label).inputValue());
    expect(await Promise.all(shown)).toEqual(['Balcony', '20.00', '5']);
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

  test('when the stream goes dead without an end, then the page says so, and listens anew', async () => {
    const sale = await openSale(system.api);
    const proxy = await DeafProxy.before(system.api.url);
    try {
      const page = await visitAs(viewerKey, `${proxy.url}/admin/sales/${sale.id}`);
      await page.locator('.connection.live').waitFor();
      proxy.deafen();
      await page.locator('.connection.cut').waitFor();
      await page.locator('.connection.live').waitFor();
    } finally {
      proxy.close();
    }
  });

  test('when Redis and PostgreSQL disagree, then the screen says by how much, until it is set right', async () => {
    const sale = await openSale(system.api, { capacities: [50] });
    const page = await visitAs(adminKey, `/admin/sales/${sale.id}`);
    await figure(page, 'Books', 'Consistent');
    await button(page, 'Pause').click();
    await said(page, 'The sale is paused.');
    expect(await page.evaluate('document.activeElement.tagName')).toBe('H1'); // the button is gone
    const turn = await system.sql.connect();
    await turn.query(`SELECT pg_advisory_lock(hashtextextended('sluice:reconciliation', 0))`); // nobody sets it right
    try {
      await system.redis.hincrby(`sluice:{${sale.id}}:stock`, sale.types[0] ?? '', -3);
      await figure(page, 'Drift', '3');
      await figure(page, 'Books', 'Not consistent');
      const cells = page.locator('.stock tbody td');
      expect(await cells.allTextContents()).toEqual(['0', '0', '0', '47', '50', '3']);
    } finally {
      turn.release(true);
    }
    await figure(page, 'Drift', '0');
    await figure(page, 'Books', 'Consistent');
  });
});

describe('the orders of a sale', () => {
  test('when one is looked for by its number, then it is shown; when there is none, then that is said', async () => {
    const sale = await openSale(system.api);
    const order = await writtenOrder(system.api, sale, 'ann');
    const page = await visitAs(viewerKey, `/admin/sales/${sale.id}/orders`);
    await page.getByLabel('Order number').fill(` ${order.id} `);
    await page.keyboard.press('Enter');
    await page.locator('.facts').getByText('ann').waitFor();
    for (const wrong of [sale.id, 'no number']) {
      await page.goBack();
      await page.getByLabel('Order number').fill(wrong);
      await button(page, 'Find').click();
      await page.getByText('There is no such order.').waitFor();
    }
  });

  test('when a CSV file breaks off, then the page says that it is not there', async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/csv', 'content-length': '1000' });
      response.write('id,status\n', () => response.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const sale = await openSale(system.api);
      const page = await visitAs(viewerKey, `/admin/sales/${sale.id}/orders`);
      await page.getByText('There is no such order.').waitFor();
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      await page.route(`**${sale.admin}/orders`, (route) => route.continue({ url }));
      await button(page, 'Download CSV').click();
      await said(page, 'No answer from the server.');
    } finally {
      server.close();
    }
  });
});

describe('what went wrong', () => {
  test('when orders could not be written, then one can be discarded, and one retried, and is written', async () => {
    const [discarded = '', retried = ''] = refused.orderIds;
    const dead = async (): Promise<number> => (await system.api.get('/v1/admin/dead-letters', admin)).body.data.length;
    await until(async () => (await dead()) === 2, { timeoutMs: 20_000 });
    const status = async (orderId: string): Promise<string> =>
      (await system.api.get(`${refused.sale.admin}/orders/${orderId}`, admin)).body.status;
    const page = await visitAs(adminKey, '/admin/dead-letters');
    await until(async () => (await page.getByText('SQLSTATE 23514', { exact: true }).count()) === 2);
    await button(page, `Discard: ${discarded.slice(-8)}`).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
    await said(page, 'The order is discarded.');
    expect(await rows(page)).toBe(1);
    expect(await violationsOf(page)).toEqual([]);
    expect(await page.evaluate('document.activeElement.className')).toBe('scroll'); // the button is gone
    await until(async () => (await status(discarded)) === 'rejected', { timeoutMs: 10_000 });
    await system.sql.query('ALTER TABLE orders DISABLE TRIGGER refuse_poison');
    await button(page, `Retry: ${retried.slice(-8)}`).click();
    await said(page, 'It is tried again.');
    await page.getByText('every order could be written').waitFor();
    expect(await page.evaluate('document.activeElement.id')).toBe('main'); // so is the table
    await until(async () => (await status(retried)) === 'reserved', { timeoutMs: 10_000 });
    await page.getByRole('link', { name: 'Audit log' }).click();
    await page.getByText('dead-letter.retried').waitFor();
    await page.getByText('dead-letter.discarded').waitFor();
  }, 40_000);

  test('when a payment came too late, then what is owed back is shown', async () => {
    const sale = await openSale(system.api, { capacities: [1], payment: 'webhook' });
    const order = await writtenOrder(system.api, sale, 'ann');
    await endHold(system.sql, order.id);
    await reconcile(system.api);
    await writtenOrder(system.api, sale, 'ben');
    expectStatus(204, await pay(system.api, { saleId: sale.id, orderId: order.id, paymentReference: 'pi_late' }));
    const page = await visitAs(viewerKey, '/admin/refunds');
    const refund = page.locator('tbody tr', { hasText: 'pi_late' });
    await refund.getByText('€10.00').waitFor();
    await refund.getByText('Came too late, and the tickets were gone').waitFor();
    await refund.getByRole('link').click();
    await page.locator('h1 .status', { hasText: 'Expired' }).waitFor();
  });
});

describe('everybody', () => {
  test('when axe looks at each page, in both themes and both languages, then it finds nothing, and nothing is cut off', async () => {
    const buyerFields = [{ name: 'size', type: 'choice', required: false, label: 'Shirt', choices: ['S', 'M'] }];
    const sale = await openSale(system.api, { name: 'Unbrechbarer'.repeat(5), capacities: [5, 5] });
    const draft = await draftSale(system.api, { buyerFields });
    const order = await writtenOrder(system.api, sale, 'x'.repeat(255));
    const page = await visit('/admin');
    /** Dark in one language, light in the other. */
    const examine = async (where: string, isAsking = false): Promise<void> => {
      for (const colorScheme of ['dark', 'light'] as const) {
        await page.emulateMedia({ colorScheme });
        expect([where, colorScheme, await violationsOf(page)]).toEqual([where, colorScheme, []]);
        await page.setViewportSize({ width: 360, height: 640 });
        expect([where, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([where, 360]);
        await page.setViewportSize({ width: 1280, height: 800 });
        if (!isAsking && colorScheme === 'dark') await page.locator('header button').first().click();
      }
    };
    await signIn(page, 'wrong');
    await page.getByText('This is not the key').waitFor();
    await examine('sign in');
    await page.locator('header button').first().click();
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
      '/admin/refunds': 'tbody tr',
      '/admin/audit': 'tbody tr',
    };
    for (const [path, ready] of Object.entries(pages)) {
      await page.goto(path);
      await page.locator(ready).first().waitFor();
      await examine(path);
    }
    await page.goto(`/admin/sales/${sale.id}`);
    await page.locator('.actions .danger').click();
    await page.getByRole('dialog').waitFor();
    await examine('a question', true);
  }, 120_000);

  test('when the page is loaded on a slow device, then it is small and works soon, and the board of queues is one click away', async () => {
    const { id } = await openSale(system.api);
    const page = await visitAs(adminKey, '/admin');
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('Emulation.setCPUThrottlingRate', { rate: 6 });
    const requests: Request[] = [];
    page.on('request', (request) => requests.push(request));
    const startedMs = performance.now();
    await page.goto(`/admin/sales/${id}`);
    await button(page, 'Pause').waitFor();
    await figure(page, 'Available', '10');
    const workedMs = performance.now() - startedMs;
    const scripts = requests.filter((request) => request.resourceType() === 'script');
    const bytes = (await Promise.all(scripts.map((script) => script.response().then((answer) => answer?.body())))).join(
      '',
    );
    const sizes = await Promise.all(
      scripts.map(async (script) => (await script.response())?.headers()['content-length']),
    );
    const sent = sizes.reduce((sum, size) => sum + Number(size), 0);
    const weight = { gzipped: gzipSync(bytes).length, sent, requests: requests.length, workedMs };
    if (process.env['WEIGHT'] !== undefined) console.log(weight);
    expect(weight.gzipped).toBeLessThan(56 * 1024);
    expect(sent).toBeLessThan(50 * 1024);
    expect(requests.length).toBeLessThanOrEqual(10); // page, icon, styles, scripts, session, sale, stream
    expect(workedMs).toBeLessThan(8_000);
    await cdp.send('Emulation.setCPUThrottlingRate', { rate: 1 });
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
