import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import {
  draftOf,
  loadedSale,
  startTestLedger,
  type LoadedTestSale,
  type TestLedger,
} from '../../test/support/loaded-sale.js';
import { saleKey } from '../redis/index.js';
import { balanceOf } from './inspect.script.js';

let ledger: TestLedger;
let sale: LoadedTestSale;

beforeAll(async () => {
  ledger = await startTestLedger();
});

beforeEach(async () => {
  sale = await loadedSale(ledger.stock, { available: [10, 5] });
});

afterAll(() => ledger.stop());

describe('inspect', () => {
  test('when orders wait and returns came back, then all is told at once', async () => {
    const { stock } = ledger;
    const [first, second] = [draftOf(sale, { quantities: [2, 1] }), draftOf(sale, { buyerId: 'bob' })] as const;
    const outcome = await stock.reserve(sale.id, first);
    await stock.reserve(sale.id, second);
    const takenAtMs = outcome.kind === 'reserved' ? outcome.takenAtMs : NaN;
    const third = draftOf(sale, { quantities: [0, 1] });
    await stock.reserve(sale.id, third);
    await stock.settle(sale.id, [{ id: third.id, status: 'reserved' }]);
    const orders = [{ buyerId: 'eve', items: [{ ticketTypeId: sale.typeId, quantity: 1 }] }];
    await stock.release(sale.id, { loadedEpoch: 1, number: 1, orders });

    const seen = await stock.inspect(sale.id);

    const [a, b] = sale.typeIds as [string, string];
    expect(seen).toEqual({
      epoch: 1,
      fenced: false,
      sound: true,
      available: new Map([
        [a, 8],
        [b, 3],
      ]),
      queued: new Map([
        [a, 3],
        [b, 1],
      ]),
      settled: new Map([
        [a, 0],
        [b, 1],
      ]),
      returned: new Map([
        [a, 1],
        [b, 0],
      ]),
      outboxSize: 2,
      oldestAt: new Date(takenAtMs),
      newestAt: expect.any(Date),
      now: expect.any(Date),
    });
    expect(seen.now.getTime()).toBeGreaterThanOrEqual(takenAtMs);
    expect([balanceOf(seen, a), balanceOf(seen, b)]).toEqual([10, 5]);
  });

  test('when the sale is not loaded, then that is told and nothing is made up', async () => {
    const id = newId();
    expect(await ledger.stock.inspect(id)).toMatchObject({ epoch: null, sound: false, outboxSize: 0, oldestAt: null });
    expect(await ledger.client.keys(`*${id}*`)).toEqual([]);
  });

  test.each(['sale', 'stock', 'buyers', 'queued', 'queued-by', 'idem', 'queued-at'] as const)(
    'when %s was lost, then the sale is not sound',
    async (key) => {
      await ledger.stock.reserve(sale.id, draftOf(sale));
      await ledger.client.del(saleKey(sale.id, key));
      expect((await ledger.stock.inspect(sale.id)).sound).toBe(false);
    },
  );

  test.each(['epoch', 'runId'])('when the field %s was lost, then the sale is not sound', async (field) => {
    await ledger.client.hdel(saleKey(sale.id, 'sale'), field);
    expect((await ledger.stock.inspect(sale.id)).sound).toBe(false);
  });

  test('when Redis restarted with its data, then the sale is not sound', async () => {
    await ledger.restart();
    expect(await ledger.stock.inspect(sale.id)).toMatchObject({ epoch: 1, sound: false });
  });
});

describe('peek', () => {
  test('when an order waits, then its entry is told; when it does not, then its absence can be trusted', async () => {
    const order = draftOf(sale);
    await ledger.stock.reserve(sale.id, order);
    expect(await ledger.stock.peek(sale.id, order.id)).toMatchObject({ entry: order, trusted: true });
    expect(await ledger.stock.peek(sale.id, newId())).toEqual({ entry: null, trusted: true });
  });

  test('when many are asked for, then each is told in its place', async () => {
    const orders = Array.from({ length: 1200 }, (_, i) => draftOf(sale, { id: newId(), buyerId: `buyer ${i}` }));
    await ledger.client.hset(saleKey(sale.id, 'stock'), sale.typeId, orders.length);
    const waiting = orders.filter((_, i) => i % 2 === 0);
    await Promise.all(waiting.map((order) => ledger.stock.reserve(sale.id, order)));
    const { entries, trusted } = await ledger.stock.peekAll(
      sale.id,
      orders.map(({ id }) => id),
    );
    expect(trusted).toBe(true);
    expect(entries.map((entry) => entry?.id ?? null)).toEqual(orders.map(({ id }, i) => (i % 2 === 0 ? id : null)));
  });

  test('when the sale is fenced, then the outbox can still be trusted: it only shrinks', async () => {
    await ledger.stock.fence(sale.id, newId());
    expect(await ledger.stock.peek(sale.id, newId())).toEqual({ entry: null, trusted: true });
  });

  test.each(['sale', 'queued'] as const)('when %s was lost, then it cannot be trusted', async (key) => {
    await ledger.client.del(saleKey(sale.id, key));
    expect(await ledger.stock.peek(sale.id, newId())).toEqual({ entry: null, trusted: false });
  });

  test('when Redis restarted with its data, then neither presence nor absence can be trusted', async () => {
    const order = draftOf(sale);
    await ledger.stock.reserve(sale.id, order);
    await ledger.restart();
    expect(await ledger.stock.peek(sale.id, order.id)).toMatchObject({ entry: order, trusted: false });
    expect(await ledger.stock.peek(sale.id, newId())).toEqual({ entry: null, trusted: false });
  });

  test('when the sale is not loaded, then it cannot be trusted', async () => {
    expect(await ledger.stock.peek(newId(), newId())).toEqual({ entry: null, trusted: false });
  });
});
