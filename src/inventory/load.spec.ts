import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import {
  draftOf,
  imageOf,
  loadedSale,
  stage,
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

/** Puts the sale at epoch 2 with so much for sale, and with what is in the outbox. */
function load(token: string, available: number, outboxSize: number): Promise<boolean> {
  const stock = new Map(sale.typeIds.map((id) => [id, { available, queued: outboxSize }]));
  return ledger.stock.load(sale.id, token, { fields: sale.fields, epoch: 2, stock, outboxSize });
}

describe('when everything was prepared under the fence', () => {
  test('then the sale is as told, with its outbox, and the fence is gone', async () => {
    const { stock, client } = ledger;
    const [waiting, written] = [draftOf(sale, { buyerId: 'ann' }), draftOf(sale, { buyerId: 'bob' })] as const;
    await queue(waiting, written);
    await stock.release(sale.id, {
      id: '7',
      epoch: 1,
      buyerId: 'eve',
      items: [{ ticketTypeId: sale.typeId, quantity: 1 }],
    });
    const entry = (await outbox()).filter(({ id }) => id === waiting.id);
    const { runId } = (await image()).sale as { runId: string };
    const token = newId();

    await stock.fence(sale.id, token);
    expect(await stock.inspect(sale.id)).toMatchObject({ fenced: true, sound: false });
    expect(await stock.drop(sale.id, token, [written.id])).toBe(true);
    await stock.stageTimes(sale.id, token, entry);
    await stock.stageHash(sale.id, token, 2, 'buyers', [['ann', 1]]);
    await stock.stageHash(sale.id, token, 2, 'queued-by', [['ann', waiting.id]]);
    await stock.stageHash(sale.id, token, 2, 'idem', [['field', 'value']]);
    expect(await load(token, 4, 1)).toBe(true);

    const [first, second] = sale.typeIds as [string, string];
    expect(await image()).toEqual({
      sale: {
        epoch: '2',
        runId,
        status: 'open',
        opensAt: String(sale.fields.opensAt.getTime()),
        closesAt: String(sale.fields.closesAt.getTime()),
        maxPerBuyer: '10',
      },
      stock: { '': '2', [first]: '4', [second]: '4' },
      buyers: { '': '2', ann: '1' },
      queued: { '': '2', [waiting.id]: expect.any(String) },
      'queued-at': [waiting.id],
      'queued-by': { '': '2', ann: waiting.id },
      'queued-sum': { [first]: '1', [second]: '1' },
      idem: { '': '2', field: 'value' },
      returned: [],
    });
    expect(await client.keys(`*{${sale.id}}:staged:*`)).toEqual([]);
    expect(await stock.inspect(sale.id)).toMatchObject({ sound: true, fenced: false, outboxSize: 1 });
  });

  test('then nothing of it expires, though what is only prepared does', async () => {
    const { stock, client } = ledger;
    await queue(draftOf(sale));
    const token = newId();
    await stock.fence(sale.id, token);
    await stage(stock, sale.id, token, 2);
    await stock.stageTimes(sale.id, token, await outbox());
    for (const key of ['buyers', 'queued-by', 'idem', 'queued-at'] as const) {
      expect(await client.pttl(stagedKey(sale.id, token, key))).toBeGreaterThan(0);
    }
    await load(token, 4, 1);
    for (const key of saleKeys) expect([-1, -2]).toContain(await client.pttl(saleKey(sale.id, key)));
  });

  test('then thousands of buyers, keys and orders are all there', async () => {
    const { stock } = ledger;
    const orders = Array.from({ length: 2500 }, (_, i) => draftOf(sale, { buyerId: `buyer ${i}` }));
    await ledger.client.hset(saleKey(sale.id, 'stock'), sale.typeId, orders.length);
    await Promise.all(orders.map((order) => stock.reserve(sale.id, order)));
    const token = newId();
    await stock.fence(sale.id, token);
    const entries = await outbox();
    expect(new Set(entries.map(({ id }) => id))).toEqual(new Set(orders.map(({ id }) => id)));
    await stock.stageTimes(sale.id, token, entries);
    for (const key of ['buyers', 'queued-by', 'idem'] as const) {
      await stock.stageHash(
        sale.id,
        token,
        2,
        key,
        orders.map(({ buyerId, id }) => [buyerId, id]),
      );
    }
    expect(await load(token, 0, orders.length)).toBe(true);
    const { client } = ledger;
    for (const key of ['buyers', 'queued-by', 'idem'] as const) {
      expect(await client.hlen(saleKey(sale.id, key))).toBe(orders.length + 1);
    }
    expect(await stock.inspect(sale.id)).toMatchObject({ sound: true, outboxSize: orders.length });
    const queued = await stock.queuedBetween(sale.id, 0, Date.now() + 60_000, 0, orders.length + 1);
    expect(queued.map(({ orderId }) => orderId).sort()).toEqual(orders.map(({ id }) => id).sort());
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
    await ledger.stock.fence(sale.id, token);
    await stage(ledger.stock, sale.id, token, 2);
    await ledger.stock.stageTimes(sale.id, token, await outbox());
    await lose(token);
    const before = await image();

    expect(await ledger.stock.drop(sale.id, token, [order.id])).toBe(false);
    expect(await load(token, 3, 1)).toBe(false);
    expect(await image()).toEqual(before);
  });

  test('because the same load comes a second time, then what happened since stays', async () => {
    const token = newId();
    await ledger.stock.fence(sale.id, token);
    await stage(ledger.stock, sale.id, token, 2);
    expect(await load(token, 3, 0)).toBe(true);
    await queue(draftOf(sale));
    expect(await load(token, 3, 0)).toBe(false);
    expect((await ledger.stock.inspect(sale.id)).available.get(sale.typeId)).toBe(2);
  });
});

describe('when something was lost between the fence and the load', () => {
  const lost: [string, (token: string) => Promise<unknown>][] = [
    ...(['buyers', 'queued-by', 'idem', 'queued-at'] as const).map((key): (typeof lost)[number] => [
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
    await ledger.stock.fence(sale.id, token);
    await stage(ledger.stock, sale.id, token, 2);
    await ledger.stock.stageTimes(sale.id, token, await outbox());
    await lose(token);
    const before = await image();

    expect(await load(token, 3, 2)).toBe(false);
    expect(await image()).toEqual(before);
    expect((await ledger.stock.reserve(sale.id, draftOf(sale))).kind).toBe('recovering');
  });

  test('what was prepared for another epoch is not taken', async () => {
    const token = newId();
    await ledger.stock.fence(sale.id, token);
    await stage(ledger.stock, sale.id, token, 1);
    expect(await load(token, 3, 0)).toBe(false);
  });
});

test('when a sale is removed, then no key of it is left', async () => {
  await queue(draftOf(sale));
  await ledger.stock.remove(sale.id);
  expect(await ledger.client.keys(`*${sale.id}*`)).toEqual([]);
});
