import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { buyer } from '../support/api-client.js';
import { startBrowser, visitor } from '../support/browser.js';
import { openSale, type GivenSale } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';

let system: System;
let browser: Browser;
let contexts: BrowserContext[] = [];
let errors: string[] = [];

beforeAll(async () => {
  [system, browser] = await Promise.all([startSystem({ env: { GUEST_SESSIONS: 'on' } }), startBrowser()]);
});

afterEach(async () => {
  await Promise.all(contexts.map((context) => context.close()));
  contexts = [];
  expect(errors).toEqual([]);
  errors = [];
});

afterAll(async () => {
  await browser.close();
  await system.stop();
});

/** Somebody who looks at a page. */
async function visit(path: string, options: BrowserContextOptions = {}, url = system.api.url): Promise<Page> {
  const one = await visitor(browser, url, options);
  contexts.push(one.context);
  errors = one.errors;
  await one.page.goto(path);
  return one.page;
}

/** The address of a sale for a buyer who has signed in elsewhere. */
function addressFor(sale: GivenSale, buyerId: string): string {
  return `/sales/${sale.id}#token=${buyer(buyerId)['authorization']?.replace('Bearer ', '') ?? ''}`;
}

describe('a buyer', () => {
  test('when a buyer clicks and confirms, then the tickets are theirs, and they see it', async () => {
    const sale = await openSale(system.api);
    const page = await visit(addressFor(sale, 'ann'));
    await page.getByRole('button', { name: 'Get 1 ticket' }).click();
    await page.getByRole('heading', { name: 'Held for you' }).waitFor();
    expect(new URL(page.url()).hash).toBe('');
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByRole('heading', { name: 'The tickets are yours' }).waitFor();
    const { body } = await system.api.get(sale.orders, buyer('ann'));
    expect(body.data).toMatchObject([{ status: 'confirmed' }]);
  });
});
