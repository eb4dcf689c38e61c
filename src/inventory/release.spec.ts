import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import {
  draftOf,
  imageOf,
  loadedSale,
  reloaded,
  startTestLedger,
  type LoadedTestSale,
  type TestLedger,
} from '../../test/support/loaded-sale.js';
import type { ReturnBatch } from './stock.store.js';

let ledger: TestLedger;
let sale: LoadedTestSale;

beforeAll(async () => {
  ledger = await startTestLedger();
});

/** A sale in which `buyer` has 2 and 1 tickets in an order that Postgres has, and 1 in another; `other` has 1 and 1. */
beforeEach(async () => {
  sale = await loadedSale(ledger.stock, { available: [10, 10] });
  const orders = [
    draftOf(sale, { quantities: [2, 1] }),
    draftOf(sale),
    draftOf(sale, { buyerId: 'other', quantities: [1, 1] }),
  ];
  for (const order of orders) await ledger.stock.reserve(sale.id, order);
  await ledger.stock.settle(
    sale.id,
    orders.map(({ id }) => ({ id, status: 'reserved' })),
  );
});

afterAll(() => ledger.stop());

const image = () => imageOf(ledger.client, sale.id);

function order(buyerId: string, quantities: readonly number[]) {
  return { buyerId, items: sale.typeIds.map((ticketTypeId, i) => ({ ticketTypeId, quantity: quantities[i] ?? 0 })) };
}

function batch(change: Partial<ReturnBatch> = {}): ReturnBatch {
  return { loadedEpoch: 1, number: 1, orders: [order('buyer', [2, 1])], ...change };
}

test('when a batch comes back, then the items of all its orders and the counts of their buyers do', async () => {
  const orders = [order('buyer', [2, 1]), order('other', [1, 1]), order('buyer', [1, 0])];
  expect(await ledger.stock.release(sale.id, batch({ orders }))).toBe('given-back');
  const [first, second] = sale.typeIds as [string, string];
  const after = await image();
  expect(after).toMatchObject({
    sale: { batch: '1' },
    stock: { [first]: '10', [second]: '10', [`${first}:returned`]: '4', [`${second}:returned`]: '2' },
  });
  // who has nothing left is forgotten
  expect(after.buyers).toEqual({ '': '1' });
});

test('when the same batch comes again, also at once, then it gives back once', async () => {
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => ledger.stock.release(sale.id, batch())));
  expect(outcomes.filter((outcome) => outcome === 'given-back')).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === 'already-done')).toHaveLength(19);
  expect((await image()).stock).toMatchObject({ [sale.typeId]: '8' });
});

test('when batches follow each other, then each gives back, and an older one that comes late does not', async () => {
  expect(await ledger.stock.release(sale.id, batch())).toBe('given-back');
  expect(await ledger.stock.release(sale.id, batch({ number: 2, orders: [order('other', [1, 1])] }))).toBe(
    'given-back',
  );
  expect(await ledger.stock.release(sale.id, batch())).toBe('already-done');
  expect((await image()).stock).toMatchObject({ [sale.typeId]: '9' });
});

test.each([
  ['is of the load before', { loadedEpoch: 0 }, 'other-load'],
  ['is of the load after', { loadedEpoch: 2 }, 'other-load'],
  ['has one missing before it', { number: 2 }, 'gap'],
])('when a batch %s, then nothing changes', async (_why, change, outcome) => {
  const before = await image();
  expect(await ledger.stock.release(sale.id, batch(change))).toBe(outcome);
  expect(await image()).toEqual(before);
});

test('when the sale is not loaded, then nothing changes', async () => {
  const id = newId();
  expect(await ledger.stock.release(id, batch())).toBe('not-loaded');
  expect(await ledger.client.keys(`*${id}*`)).toEqual([]);
});

test('when the sale moves to its next epoch by a change, then batches go on as before', async () => {
  await ledger.stock.release(sale.id, batch());
  await ledger.stock.change(sale.id, { from: 1, to: 2 }, sale.fields, new Map());
  expect(await ledger.stock.release(sale.id, batch())).toBe('already-done');
  expect(await ledger.stock.release(sale.id, batch({ number: 2, orders: [order('other', [1, 1])] }))).toBe(
    'given-back',
  );
});

test('when the sale was loaded anew, then what came before it is of another load', async () => {
  await ledger.stock.release(sale.id, batch());
  expect(await reloaded(ledger.stock, { ...sale, epoch: 2 }, [10, 10])).toBe(true);
  expect(await ledger.stock.release(sale.id, batch({ number: 2 }))).toBe('other-load');
  expect(await image()).toMatchObject({ stock: { [sale.typeId]: '10', [`${sale.typeId}:returned`]: '0' } });
});

test('when the sale is fenced, then stock still comes back: the load counts anew in any case', async () => {
  await ledger.stock.fence(sale.id, newId());
  expect(await ledger.stock.release(sale.id, batch())).toBe('given-back');
});
