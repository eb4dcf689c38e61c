import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import {
  draftOf,
  loadedSale,
  startTestLedger,
  type LoadedTestSale,
  type TestLedger,
} from '../../test/support/loaded-sale.js';
import { saleKey } from '../redis/index.js';

let ledger: TestLedger;
let sale: LoadedTestSale;

beforeAll(async () => {
  ledger = await startTestLedger();
});

beforeEach(async () => {
  sale = await loadedSale(ledger.stock, { available: [10] });
});

afterAll(() => ledger.stop());

test('when orders wait, then their number and the oldest are told, and how many are left of those from before', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) {
    const order = draftOf(sale, { buyerId: `b${i}` });
    await ledger.stock.reserve(sale.id, order);
    await ledger.client.zadd(saleKey(sale.id, 'queued-at'), 1000 * (i + 1), order.id);
    ids.push(order.id);
  }
  const told = await ledger.stock.backlog(sale.id, 2000, 2);
  expect(told).toEqual({
    orders: 3,
    takenBefore: 2,
    nowMs: expect.any(Number),
    oldest: [
      { orderId: ids[0], takenAtMs: 1000 },
      { orderId: ids[1], takenAtMs: 2000 },
    ],
  });
  expect(Math.abs(told.nowMs - Date.now())).toBeLessThan(5000);
});

test('when the outbox is empty or not there, then nothing waits and nothing is made', async () => {
  const nobody = newId();
  for (const id of [sale.id, nobody]) {
    expect(await ledger.stock.backlog(id, 0, 1)).toMatchObject({ orders: 0, takenBefore: 0, oldest: [] });
  }
  expect(await ledger.client.keys(`*${nobody}*`)).toEqual([]);
});

test('when a key is bound to an order, then the order and its body are told; an unknown key is bound to none', async () => {
  const order = { ...draftOf(sale), idempotency: 'field', bodyHash: 'hash' };
  await ledger.stock.reserve(sale.id, order);
  expect(await ledger.stock.boundOrder(sale.id, 'field')).toEqual({ orderId: order.id, bodyHash: 'hash' });
  expect(await ledger.stock.boundOrder(sale.id, 'other')).toBeNull();
});
