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

let ledger: TestLedger;
let sale: LoadedTestSale;

beforeAll(async () => {
  ledger = await startTestLedger();
});

/** A sale in which `buyer` has 2 and 1 tickets in an order that Postgres has, and 1 in another. */
beforeEach(async () => {
  sale = await loadedSale(ledger.stock, { available: [10, 10] });
  const orders = [draftOf(sale, { quantities: [2, 1] }), draftOf(sale)];
  for (const order of orders) await ledger.stock.reserve(sale.id, order);
  await ledger.stock.settle(
    sale.id,
    orders.map(({ id }) => ({ id, status: 'reserved' })),
  );
});

afterAll(() => ledger.stop());

const image = () => imageOf(ledger.client, sale.id);

function stockReturn(change: { id?: string; epoch?: number; quantities?: [number, number] } = {}) {
  const { id = '1', epoch = 1, quantities = [2, 1] } = change;
  const items = sale.typeIds.map((ticketTypeId, i) => ({ ticketTypeId, quantity: quantities[i] ?? 0 }));
  return { id, epoch, buyerId: 'buyer', items };
}

test('when stock comes back, then all items and the count of its buyer do', async () => {
  expect(await ledger.stock.release(sale.id, stockReturn())).toBe('given-back');
  const [first, second] = sale.typeIds as [string, string];
  expect(await image()).toMatchObject({
    stock: { [first]: '9', [second]: '10' },
    buyers: { buyer: '1' },
    returned: ['1'],
  });
});

test('when a buyer has nothing left, then he is forgotten', async () => {
  await ledger.stock.release(sale.id, stockReturn({ quantities: [3, 1] }));
  expect(await image()).toMatchObject({ buyers: { '': '1' } });
  expect((await image()).buyers).not.toHaveProperty('buyer');
});

test('when the same return comes again, also at once, then it gives back once', async () => {
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => ledger.stock.release(sale.id, stockReturn())));
  expect(outcomes.filter((outcome) => outcome === 'given-back')).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === 'already-done')).toHaveLength(19);
  expect((await ledger.stock.inspect(sale.id, ['1', '2'])).returned).toEqual([true, false]);
  expect((await image()).stock).toMatchObject({ [sale.typeId]: '9' });
});

test.each([0, 2])('when a return is of epoch %d and the sale is at 1, then nothing changes', async (epoch) => {
  const before = await image();
  expect(await ledger.stock.release(sale.id, stockReturn({ epoch }))).toBe('other-epoch');
  expect(await image()).toEqual(before);
});

test('when the sale is not loaded, then nothing changes', async () => {
  const id = newId();
  expect(await ledger.stock.release(id, stockReturn())).toBe('not-loaded');
  expect(await ledger.client.keys(`*${id}*`)).toEqual([]);
});

test('when the sale moves to its next epoch by a change, then a return that was given back is still known', async () => {
  await ledger.stock.release(sale.id, stockReturn());
  await ledger.stock.change(sale.id, { from: 1, to: 2 }, sale.fields, new Map());
  expect(await ledger.stock.release(sale.id, stockReturn({ epoch: 2 }))).toBe('already-done');
});

test('when the sale was loaded anew, then what was given back before is forgotten with its epoch', async () => {
  await ledger.stock.release(sale.id, stockReturn());
  expect(await reloaded(ledger.stock, { ...sale, epoch: 2 }, [10, 10])).toBe(true);
  expect(await ledger.stock.release(sale.id, stockReturn())).toBe('other-epoch');
  expect(await image()).toMatchObject({ returned: [], stock: { [sale.typeId]: '10' } });
});

test('when the sale is fenced, then stock still comes back: the load counts anew in any case', async () => {
  await ledger.stock.fence(sale.id, newId());
  expect(await ledger.stock.release(sale.id, stockReturn())).toBe('given-back');
});
