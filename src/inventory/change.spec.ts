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
import { saleKey } from '../redis/index.js';

let ledger: TestLedger;
let sale: LoadedTestSale;

beforeAll(async () => {
  ledger = await startTestLedger();
});

beforeEach(async () => {
  sale = await loadedSale(ledger.stock, { available: [10, 10, 10] });
});

afterAll(() => ledger.stop());

const image = () => imageOf(ledger.client, sale.id);
const next = { from: 1, to: 2 };

test('when a sale that is well changes, then its fields, stock and every stamp move to the next epoch together', async () => {
  const order = draftOf(sale, { quantities: [2] });
  await ledger.stock.reserve(sale.id, order);
  const before = await image();
  const [first, second, third] = sale.typeIds as [string, string, string];
  const [opensAt, closesAt] = [new Date(1), new Date(2)];

  const fields = { status: 'paused', opensAt, closesAt, maxPerBuyer: 3 } as const;
  const differences = new Map([
    [first, -8],
    [second, 5],
  ]);
  expect(await ledger.stock.change(sale.id, next, fields, differences)).toEqual({ kind: 'changed' });

  const { runId } = before.sale as { runId: string };
  expect(await image()).toEqual({
    ...before,
    sale: {
      epoch: '2',
      loaded: '1',
      batch: '0',
      runId,
      status: 'paused',
      opensAt: '1',
      closesAt: '2',
      maxPerBuyer: '3',
    },
    stock: { ...before.stock, '': '2', [first]: '0', [second]: '15', [third]: '10' },
    buyers: { ...before.buyers, '': '2' },
    queued: { ...before.queued, '': '2' },
    'queued-by': { ...before['queued-by'], '': '2' },
    idem: { ...before.idem, '': '2' },
  });
  expect(await ledger.stock.inspect(sale.id)).toMatchObject({ sound: true, epoch: 2 });
});

test('when cuts exceed what is available, then those types are told and nothing changes, not even what would fit', async () => {
  await ledger.stock.reserve(sale.id, draftOf(sale, { quantities: [3, 3, 3] }));
  const before = await image();
  const differences = new Map(sale.typeIds.map((id, i) => [id, [-8, -7, -9][i] ?? 0]));

  expect(await ledger.stock.change(sale.id, next, { ...sale.fields, status: 'paused' }, differences)).toEqual({
    kind: 'taken',
    ticketTypeIds: [sale.typeIds[0], sale.typeIds[2]],
  });
  expect(await image()).toEqual(before);
});

test('when buyers and a cut race, then there is never less than nothing', async () => {
  const buy = (i: number) => ledger.stock.reserve(sale.id, draftOf(sale, { buyerId: `buyer ${i}` }));
  const cut = () => ledger.stock.change(sale.id, next, sale.fields, new Map([[sale.typeId, -6]]));
  const bought = Array.from({ length: 7 }, (_, i) => buy(i));
  const change = cut();
  bought.push(...Array.from({ length: 7 }, (_, i) => buy(i + 7)));
  const reserved = (await Promise.all(bought)).filter(({ kind }) => kind === 'reserved').length;
  const { kind } = await change;
  const left = (await ledger.stock.inspect(sale.id)).available.get(sale.typeId);
  expect(left).toBe((kind === 'changed' ? 4 : 10) - reserved);
  expect(left).toBeGreaterThanOrEqual(0);
});

test('when stock is taken again for a buyer, then his count grows with it, up to his limit and not beyond', async () => {
  await ledger.stock.reserve(sale.id, draftOf(sale, { buyerId: 'ann', quantities: [1] }));
  const claim = { buyerId: 'ann', items: [{ ticketTypeId: sale.typeId, quantity: 2 }], limit: 3 };
  const second = sale.typeIds[1] ?? '';

  expect(await ledger.stock.change(sale.id, next, sale.fields, new Map(), claim)).toEqual({ kind: 'changed' });
  const before = await image();
  expect(before).toMatchObject({ stock: { [sale.typeId]: '7' }, buyers: { ann: '3', '': '2' } });

  const later = { from: 2, to: 3 };
  expect(await ledger.stock.change(sale.id, later, sale.fields, new Map(), claim)).toEqual({ kind: 'limit' });
  const tooMany = { buyerId: 'bob', items: [{ ticketTypeId: second, quantity: 11 }], limit: 20 };
  expect(await ledger.stock.change(sale.id, later, sale.fields, new Map(), tooMany)).toEqual({
    kind: 'taken',
    ticketTypeIds: [second],
  });
  expect(await image()).toEqual(before);
});

describe('when the sale is not well, then nothing changes', () => {
  async function expectUnsound(epochs = next): Promise<void> {
    const before = await image();
    const differences = new Map([[sale.typeId, 1]]);
    expect(await ledger.stock.change(sale.id, epochs, sale.fields, differences)).toEqual({ kind: 'unsound' });
    expect(await image()).toEqual(before);
  }

  test.each([0, 2])('because it should be at epoch %d', (from) => expectUnsound({ from, to: from + 1 }));

  test('because it has changed so already', async () => {
    await ledger.stock.change(sale.id, next, sale.fields, new Map([[sale.typeId, 1]]));
    await expectUnsound();
  });

  test('because it is fenced', async () => {
    await ledger.stock.fence(sale.id, newId());
    await expectUnsound();
  });

  test.each(['sale', 'stock', 'buyers', 'queued', 'queued-by', 'idem'] as const)('because %s was lost', async (key) => {
    await ledger.client.del(saleKey(sale.id, key));
    await expectUnsound();
  });

  test.each(['stock', 'buyers', 'queued', 'queued-by', 'idem'] as const)(
    'because %s was lost and somebody wrote to it since',
    async (key) => {
      await ledger.client.del(saleKey(sale.id, key));
      await ledger.client.hset(saleKey(sale.id, key), newId(), 1);
      await expectUnsound();
    },
  );

  test('because Redis restarted with its data', async () => {
    await ledger.restart();
    await expectUnsound();
  });
});
