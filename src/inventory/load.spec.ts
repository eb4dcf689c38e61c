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
import { saleKey, saleKeys, stagedKey } from '../redis/index.js';
import type { OutboxEntry, QueuedOrder } from './outbox-entry.js';

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

async function queue(...orders: QueuedOrder[]): Promise<void> {
  for (const order of orders) expect((await ledger.stock.reserve(sale.id, order)).kind).toBe('reserved');
}

async function outbox(): Promise<OutboxEntry[]> {
  const entries: OutboxEntry[] = [];
  for await (const part of ledger.stock.outbox(sale.id)) entries.push(...part.entries);
  return entries;
}

/** Fences the sale and prepares what is in the outbox, as a reload does, at epoch 2. */
async function staged(token: string, epoch = 2): Promise<void> {
  const { stock } = ledger;
  await stock.fence(sale.id, token);
  const parts = stock.staged(sale.id, token, epoch);
  await parts.begin();
  await parts.waiting((await outbox()).map(({ id }) => id));
}

/** Puts the sale at epoch 2 with so many tickets that Postgres has not sold. */
function load(token: string, unsold: number): Promise<boolean> {
  const counts = new Map(sale.typeIds.map((id) => [id, unsold]));
  return ledger.stock.load(sale.id, token, 2, { fields: sale.fields, unsold: counts, returnBatch: 7 });
}

describe('when everything was prepared under the fence', () => {
  test('then the sale is as told, with its outbox, and the fence is gone', async () => {
    const { stock, client } = ledger;
    const key = { field: 'field of ann', bodyHash: 'body' };
    const waiting = draftOf(sale, { buyerId: 'ann', quantities: [1, 2], key });
    const written = draftOf(sale, { buyerId: 'bob' });
    await queue(waiting, written);
    const orders = [{ buyerId: 'eve', items: [{ ticketTypeId: sale.typeId, quantity: 1 }] }];
    await stock.release(sale.id, { loadedEpoch: 1, number: 1, orders });
    const { runId } = (await image()).sale as { runId: string };
    const token = newId();

    await stock.fence(sale.id, token);
    expect(await stock.inspect(sale.id)).toMatchObject({ fenced: true, sound: false });
    expect(await stock.drop(sale.id, token, [written.id])).toBe(true);
    const parts = stock.staged(sale.id, token, 2);
    await parts.begin();
    await parts.buyers([
      ['ann', 1],
      ['bob', 1],
    ]);
    await parts.boundKeys([['field', 'value']]);
    // one that comes twice, or is not there any more, counts as what it is
    await parts.waiting([waiting.id, written.id]);
    await parts.waiting([waiting.id]);
    expect(await load(token, 9)).toBe(true);

    const [first, second] = sale.typeIds as [string, string];
    expect(await image()).toEqual({
      sale: {
        epoch: '2',
        loaded: '2',
        batch: '7',
        runId,
        status: 'open',
        opensAt: String(sale.fields.opensAt.getTime()),
        closesAt: String(sale.fields.closesAt.getTime()),
        maxPerBuyer: '10',
      },
      stock: {
        '': '2',
        ...{ [first]: '8', [`${first}:queued`]: '1', [`${first}:settled`]: '0', [`${first}:returned`]: '0' },
        ...{ [second]: '7', [`${second}:queued`]: '2', [`${second}:settled`]: '0', [`${second}:returned`]: '0' },
      },
      buyers: { '': '2', ann: '4', bob: '1' },
      queued: { '': '2', [waiting.id]: expect.any(String) },
      'queued-at': [waiting.id],
      'queued-by': { '': '2', ann: waiting.id },
      idem: { '': '2', field: 'value', 'field of ann': `${waiting.id}body` },
    });
    expect(await client.keys(`*{${sale.id}}:staged:*`)).toEqual([]);
    expect(await stock.inspect(sale.id)).toMatchObject({ sound: true, fenced: false, outboxSize: 1 });
  });

  test('and Postgres and the outbox bind the same key, then Postgres decides', async () => {
    const order = draftOf(sale, { key: { field: 'field', bodyHash: 'body' } });
    await queue(order);
    const token = newId();
    await ledger.stock.fence(sale.id, token);
    const parts = ledger.stock.staged(sale.id, token, 2);
    await parts.begin();
    await parts.boundKeys([['field', 'of Postgres']]);
    await parts.waiting([order.id]);
    expect(await load(token, 9)).toBe(true);
    expect((await image()).idem).toEqual({ '': '2', field: 'of Postgres' });
  });

  test('then nothing of it expires, though what is only prepared does', async () => {
    const { stock, client } = ledger;
    await queue(draftOf(sale));
    const token = newId();
    await staged(token);
    for (const key of stock.staged(sale.id, token, 2).keys) expect(await client.pttl(key)).toBeGreaterThan(0);
    await load(token, 4);
    for (const key of saleKeys) expect([-1, -2]).toContain(await client.pttl(saleKey(sale.id, key)));
  });

  test('then thousands of buyers, keys and orders are all there', async () => {
    const { stock, client } = ledger;
    const orders = Array.from({ length: 2500 }, (_, i) =>
      draftOf(sale, { buyerId: `buyer ${i}`, key: { field: `field ${i}`, bodyHash: 'body' } }),
    );
    await client.hset(saleKey(sale.id, 'stock'), sale.typeId, orders.length);
    await Promise.all(orders.map((order) => stock.reserve(sale.id, order)));
    const token = newId();
    await staged(token);
    expect(await load(token, orders.length)).toBe(true);
    for (const key of ['buyers', 'queued-by', 'idem'] as const) {
      expect(await client.hlen(saleKey(sale.id, key))).toBe(orders.length + 1);
    }
    const { available, queued, ...inspection } = await stock.inspect(sale.id);
    expect(inspection).toMatchObject({ sound: true, outboxSize: orders.length });
    expect([available.get(sale.typeId), queued.get(sale.typeId)]).toEqual([0, orders.length]);
    const waiting = await stock.queuedBetween(sale.id, 0, Date.now() + 60_000, 0, orders.length + 1);
    expect(waiting.map(({ orderId }) => orderId).sort()).toEqual(orders.map(({ id }) => id).sort());
  });
});

describe('when the fence is not our own', () => {
  test.each([
    ['another attempt took it', (token: string) => ledger.stock.fence(sale.id, `not ${token}`)],
    ['the sale was lost', () => ledger.client.del(saleKey(sale.id, 'sale'))],
    ['another load lifted it', () => ledger.client.hdel(saleKey(sale.id, 'sale'), 'fence')],
  ])('because %s, then neither drop nor load changes anything', async (_why, lose) => {
    const order = draftOf(sale);
    await queue(order);
    const token = newId();
    await staged(token);
    await lose(token);
    const before = await image();

    expect(await ledger.stock.drop(sale.id, token, [order.id])).toBe(false);
    expect(await load(token, 3)).toBe(false);
    expect(await image()).toEqual(before);
  });

  test('because the same load comes a second time, then what happened since stays', async () => {
    const token = newId();
    await staged(token);
    expect(await load(token, 3)).toBe(true);
    await queue(draftOf(sale));
    expect(await load(token, 3)).toBe(false);
    expect((await ledger.stock.inspect(sale.id)).available.get(sale.typeId)).toBe(2);
  });
});

describe('when something was lost between the fence and the load', () => {
  const lost: [string, (token: string) => Promise<unknown>][] = [
    ...(['stock', 'buyers', 'queued-by', 'idem', 'queued-at'] as const).map((key): (typeof lost)[number] => [
      `the prepared ${key}`,
      (token) => ledger.client.del(stagedKey(sale.id, token, key)),
    ]),
    ['the outbox', () => ledger.client.del(saleKey(sale.id, 'queued'))],
    [
      'an order of the outbox',
      async () => ledger.client.hdel(saleKey(sale.id, 'queued'), (await outbox())[0]?.id ?? ''),
    ],
  ];
  test.each(lost)('as %s, then it loads nothing and the sale stays fenced', async (_what, lose) => {
    await queue(draftOf(sale), draftOf(sale));
    const token = newId();
    await staged(token);
    await lose(token);
    const before = await image();

    expect(await load(token, 3)).toBe(false);
    expect(await image()).toEqual(before);
    expect((await ledger.stock.reserve(sale.id, draftOf(sale))).kind).toBe('recovering');
  });

  test('what was prepared for another epoch is not taken', async () => {
    const token = newId();
    await staged(token, 1);
    expect(await load(token, 3)).toBe(false);
  });
});

test('when a sale is removed, then no key of it is left', async () => {
  await queue(draftOf(sale));
  await ledger.stock.remove(sale.id);
  expect(await ledger.client.keys(`*${sale.id}*`)).toEqual([]);
});
