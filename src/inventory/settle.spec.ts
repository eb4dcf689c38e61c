import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import {
  draftOf,
  imageOf,
  loadedSale,
  startTestLedger,
  type LoadedTestSale,
  type TestLedger,
} from '../../test/support/loaded-sale.js';
import { until } from '../../test/support/until.js';
import { orderChannel, saleKey } from '../redis/index.js';

let ledger: TestLedger;
let sale: LoadedTestSale;

beforeAll(async () => {
  ledger = await startTestLedger();
});

beforeEach(async () => {
  sale = await loadedSale(ledger.stock, { available: [10, 10] });
});

afterAll(() => ledger.stop());

const image = () => imageOf(ledger.client, sale.id);

describe.each(['reserved', 'confirmed', 'expired', 'cancelled'] as const)('when an order became %s', (status) => {
  test('then it leaves the outbox, its stock stays taken, its key stays known', async () => {
    const order = draftOf(sale, { buyerId: 'ann', quantities: [2, 1], key: { field: 'key', bodyHash: 'body' } });
    await ledger.stock.reserve(sale.id, order);

    expect(await ledger.stock.settle(sale.id, [{ id: order.id, status }])).toBe(1);

    const [first, second] = sale.typeIds as [string, string];
    expect(await image()).toMatchObject({
      stock: {
        '': '1',
        [first]: '8',
        [second]: '9',
        [`${first}:queued`]: '0',
        [`${first}:settled`]: '2',
        [`${second}:settled`]: '1',
        [`${second}:returned`]: '0',
      },
      buyers: { '': '1', ann: '3' },
      queued: { '': '1' },
      'queued-at': [],
      'queued-by': { '': '1' },
      idem: { '': '1', key: `${order.id}body` },
    });
  });
});

test('when an order was rejected, then all of it comes back: stock and the count of its buyer, and that it did is counted', async () => {
  const before = await image();
  const order = draftOf(sale, { quantities: [2, 1] });
  await ledger.stock.reserve(sale.id, order);

  expect(await ledger.stock.settle(sale.id, [{ id: order.id, status: 'rejected' }])).toBe(1);
  const [first, second] = sale.typeIds as [string, string];
  const counts = {
    [`${first}:settled`]: '2',
    [`${first}:returned`]: '2',
    [`${second}:settled`]: '1',
    [`${second}:returned`]: '1',
  };
  expect(await image()).toEqual({ ...before, stock: { ...before.stock, ...counts } });
});

test('when a rejected order was one of several, then the others of its buyer still count', async () => {
  const orders = [draftOf(sale), draftOf(sale, { quantities: [0, 3] }), draftOf(sale, { quantities: [2] })];
  for (const order of orders) await ledger.stock.reserve(sale.id, order);
  const [first, second, third] = orders.map(({ id }) => id) as [string, string, string];

  await ledger.stock.settle(sale.id, [{ id: second, status: 'rejected' }]);

  expect(await image()).toMatchObject({ buyers: { buyer: '3' }, 'queued-by': { buyer: first + third } });
  await ledger.stock.settle(sale.id, [{ id: third, status: 'reserved' }]);
  expect(await image()).toMatchObject({ buyers: { buyer: '3' }, 'queued-by': { buyer: first } });
});

test.each(['reserved', 'rejected'] as const)(
  'when an order that is %s is settled again, also at once, then nothing more happens',
  async (status) => {
    const order = draftOf(sale, { quantities: [2] });
    await ledger.stock.reserve(sale.id, order);
    await ledger.stock.reserve(sale.id, draftOf(sale));
    const settle = () => ledger.stock.settle(sale.id, [{ id: order.id, status }]);

    const counts = await Promise.all([settle(), settle(), settle()]);
    expect(counts.sort()).toEqual([0, 0, 1]);
    const after = await image();
    // nor where it is settled with another status, as a late job might
    await ledger.stock.settle(sale.id, [{ id: order.id, status: 'rejected' }]);
    expect(await image()).toEqual(after);
  },
);

test('when a batch is settled, then each order ends by itself and the unknown are passed over', async () => {
  const [kept, refused] = [draftOf(sale, { quantities: [1] }), draftOf(sale, { quantities: [2] })] as const;
  await ledger.stock.reserve(sale.id, kept);
  await ledger.stock.reserve(sale.id, refused);

  const settled = await ledger.stock.settle(sale.id, [
    { id: newId(), status: 'reserved' },
    { id: refused.id, status: 'rejected' },
    { id: kept.id, status: 'reserved' },
  ]);

  expect(settled).toBe(2);
  const { available, outboxSize } = await ledger.stock.inspect(sale.id);
  expect([available.get(sale.typeId), outboxSize]).toEqual([9, 0]);
});

test('when orders are settled, in the outbox or not, then all are announced in one message', async () => {
  const messages: string[] = [];
  const subscriber = ledger.redis.subscriber();
  try {
    await subscriber.subscribe(orderChannel);
    subscriber.on('message', (_channel: string, message: string) => messages.push(message));
    const order = draftOf(sale);
    const gone = newId();
    await ledger.stock.reserve(sale.id, order);
    await ledger.stock.settle(sale.id, [
      { id: order.id, status: 'reserved' },
      { id: gone, status: 'cancelled' },
    ]);
    await until(() => messages.length > 0);
    expect(messages).toEqual([`${sale.id} ${order.id}:reserved ${gone}:cancelled`]);
  } finally {
    subscriber.disconnect();
  }
});

test('when the sale is fenced, then orders still leave the outbox', async () => {
  const order = draftOf(sale);
  await ledger.stock.reserve(sale.id, order);
  await ledger.stock.fence(sale.id, newId());
  expect(await ledger.stock.settle(sale.id, [{ id: order.id, status: 'reserved' }])).toBe(1);
});

test('when the sale is not loaded, then nothing is made up', async () => {
  await ledger.client.del(saleKey(sale.id, 'stock'), saleKey(sale.id, 'queued'));
  expect(await ledger.stock.settle(sale.id, [{ id: newId(), status: 'rejected' }])).toBe(0);
  expect(await image()).toMatchObject({ stock: {}, queued: {} });
});

test('when answers look like anything else, then the order is settled all the same', async () => {
  const order = draftOf(sale, { answers: { zero: '\u0000', big: 1e308, quote: '"} 1 2 {\n', ['__proto__']: true } });
  await ledger.stock.reserve(sale.id, order);
  expect(await ledger.stock.settle(sale.id, [{ id: order.id, status: 'rejected' }])).toBe(1);
});
