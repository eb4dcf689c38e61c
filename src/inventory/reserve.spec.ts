import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import {
  draftOf,
  imageOf,
  loadedSale,
  reloaded,
  startTestLedger,
  type OrderOptions,
  type SaleOptions,
  type TestLedger,
} from '../../test/support/loaded-sale.js';
import { saleKey } from '../redis/index.js';
import type { ReserveOutcome } from './reserve.script.js';

const key = { field: 'k'.repeat(22), bodyHash: 'h'.repeat(22) };
const hourMs = 3_600_000;

let ledger: TestLedger;

beforeAll(async () => {
  ledger = await startTestLedger();
});

afterAll(() => ledger.stop());

async function redisNowMs(): Promise<number> {
  const [seconds, micros] = (await ledger.client.time()).map(Number);
  return (seconds ?? 0) * 1000 + Math.floor((micros ?? 0) / 1000);
}

describe('when there is enough of everything', () => {
  test('then stock, buyer, outbox, sums and idempotency key are all written', async () => {
    const { stock, client } = ledger;
    const sale = await loadedSale(stock, { available: [5, 7], maxPerBuyer: 4 });
    const order = draftOf(sale, { buyerId: 'ann', quantities: [1, 2], key, answers: { shirt: 'L' } });

    const outcome = await stock.reserve(sale.id, order);

    const [first, second] = sale.typeIds as [string, string];
    const takenAtMs = outcome.kind === 'reserved' ? outcome.takenAtMs : NaN;
    expect(await imageOf(client, sale.id)).toMatchObject({
      stock: { '': '1', [first]: '4', [second]: '5', [`${first}:queued`]: '1', [`${second}:queued`]: '2' },
      buyers: { '': '1', ann: '3' },
      queued: { '': '1', [order.id]: `${takenAtMs} 4 ${JSON.stringify(order)}` },
      'queued-at': [order.id],
      'queued-by': { '': '1', ann: order.id },
      idem: { '': '1', [key.field]: order.id + key.bodyHash },
    });
    expect(await client.zscore(saleKey(sale.id, 'queued-at'), order.id)).toBe(String(takenAtMs));
  });

  test("then the time is that of Redis's clock", async () => {
    const sale = await loadedSale(ledger.stock);
    const before = await redisNowMs();
    const outcome = await ledger.stock.reserve(sale.id, draftOf(sale));
    expect(outcome).toEqual({ kind: 'reserved', takenAtMs: expect.any(Number) });
    if (outcome.kind !== 'reserved') return;
    expect(outcome.takenAtMs).toBeGreaterThanOrEqual(before);
    expect(outcome.takenAtMs).toBeLessThanOrEqual(await redisNowMs());
  });

  test('then the last ticket can be had, by one buyer up to the limit', async () => {
    const sale = await loadedSale(ledger.stock, { available: [3], maxPerBuyer: 3 });
    expect((await ledger.stock.reserve(sale.id, draftOf(sale, { quantities: [3] }))).kind).toBe('reserved');
    expect((await ledger.stock.inspect(sale.id)).available.get(sale.typeId)).toBe(0);
  });

  test('then 500 buyers at once get exactly what there is', async () => {
    const sale = await loadedSale(ledger.stock, { available: [100] });
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, (_, i) => ledger.stock.reserve(sale.id, draftOf(sale, { buyerId: `buyer ${i}` }))),
    );
    expect(outcomes.filter(({ kind }) => kind === 'reserved')).toHaveLength(100);
    expect(outcomes.filter(({ kind }) => kind === 'sold-out')).toHaveLength(400);
  });

  test.each([
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['@epoch', '@epoch'],
    ['0', '0'],
    ['something with spaces, newlines, quotes and control characters', 'two words\nand "lines"\r\n\t\\\u0001'],
    ['something with accents and emoji', 'Zoë 👩‍👩‍👧 ünï 🎫'],
    ['255 characters', 'x'.repeat(255)],
    ['85 emoji', '🎫'.repeat(85)],
  ])('then a buyer called %s may take, is limited and is settled as any other', async (_name, buyerId) => {
    const sale = await loadedSale(ledger.stock, { maxPerBuyer: 2 });
    const order = draftOf(sale, { buyerId, quantities: [2], key });
    expect((await ledger.stock.reserve(sale.id, order)).kind).toBe('reserved');
    expect(await ledger.stock.reserve(sale.id, draftOf(sale, { buyerId }))).toEqual({ kind: 'limit', left: 0 });
    expect((await ledger.stock.entriesOf(sale.id, buyerId)).map(({ id }) => id)).toEqual([order.id]);

    await ledger.stock.settle(sale.id, [{ id: order.id, status: 'rejected' }]);

    expect(await imageOf(ledger.client, sale.id)).toMatchObject({ buyers: { '': '1' }, 'queued-by': { '': '1' } });
    expect(await ledger.stock.entriesOf(sale.id, buyerId)).toEqual([]);
    expect((await ledger.stock.reserve(sale.id, draftOf(sale, { buyerId }))).kind).toBe('reserved');
  });
});

describe('when something is lacking', () => {
  const past = new Date(Date.now() - hourMs);
  const future = new Date(Date.now() + hourMs);
  test.each<[string, SaleOptions, OrderOptions, ReserveOutcome['kind']]>([
    ['the sale is a draft', { status: 'draft' }, {}, 'draft'],
    ['the sale is paused', { status: 'paused' }, {}, 'paused'],
    ['the sale is closed', { status: 'closed' }, {}, 'closed'],
    ['the window is over', { closesAt: past }, {}, 'closed'],
    ['the window has not begun', { opensAt: future }, {}, 'not-open'],
    ['there is too little', { available: [1] }, { quantities: [2] }, 'sold-out'],
    ['there is nothing', { available: [0] }, {}, 'sold-out'],
    ['less than nothing is there', { available: [-1] }, {}, 'sold-out'],
    ['the buyer wants too much', { maxPerBuyer: 1 }, { quantities: [2] }, 'limit'],
    ['one of two types lacks', { available: [5, 1] }, { quantities: [2, 2] }, 'sold-out'],
    ['the sum over two types is too much', { available: [5, 5], maxPerBuyer: 3 }, { quantities: [2, 2] }, 'limit'],
  ])('because %s, then nothing is taken', async (_why, saleOptions, orderOptions, kind) => {
    const sale = await loadedSale(ledger.stock, saleOptions);
    const before = await imageOf(ledger.client, sale.id);
    const outcome = await ledger.stock.reserve(sale.id, draftOf(sale, { ...orderOptions, key }));
    expect(outcome.kind).toBe(kind);
    expect(await imageOf(ledger.client, sale.id)).toEqual(before);
  });

  test('then the ticket types that lack are told, and only they', async () => {
    const sale = await loadedSale(ledger.stock, { available: [1, 5, 0] });
    expect(await ledger.stock.reserve(sale.id, draftOf(sale, { quantities: [2, 2, 2] }))).toEqual({
      kind: 'sold-out',
      ticketTypeIds: [sale.typeIds[0], sale.typeIds[2]],
    });
  });

  test('then a buyer hears how many more he may have, never less than none', async () => {
    const sale = await loadedSale(ledger.stock, { maxPerBuyer: 4 });
    await ledger.stock.reserve(sale.id, draftOf(sale, { quantities: [3] }));
    expect(await ledger.stock.reserve(sale.id, draftOf(sale, { quantities: [2] }))).toEqual({ kind: 'limit', left: 1 });
    await ledger.client.hset(saleKey(sale.id, 'sale'), 'maxPerBuyer', 1);
    expect(await ledger.stock.reserve(sale.id, draftOf(sale))).toEqual({ kind: 'limit', left: 0 });
  });

  test('then a buyer who is early hears how long it will be', async () => {
    const sale = await loadedSale(ledger.stock, { opensAt: new Date(Date.now() + 5000) });
    const outcome = await ledger.stock.reserve(sale.id, draftOf(sale));
    expect(outcome).toEqual({ kind: 'not-open', opensInMs: expect.any(Number) });
    if (outcome.kind !== 'not-open') return;
    expect(outcome.opensInMs).toBeGreaterThan(0);
    expect(outcome.opensInMs).toBeLessThanOrEqual(5000);
  });

  test("then the window's ends are: open at opensAt, closed at closesAt, to the millisecond by Redis's clock", async () => {
    const nowMs = await redisNowMs();
    const opened = await loadedSale(ledger.stock, { opensAt: new Date(nowMs) });
    expect((await ledger.stock.reserve(opened.id, draftOf(opened))).kind).toBe('reserved');
    const over = await loadedSale(ledger.stock, { closesAt: new Date(nowMs) });
    expect((await ledger.stock.reserve(over.id, draftOf(over))).kind).toBe('closed');
  });
});

test('when several things are wrong, then each is told before the next, in the order of the protocol', async () => {
  const { stock, client } = ledger;
  const sale = await loadedSale(stock, { maxPerBuyer: 2, available: [3] });
  const queued = draftOf(sale, { buyerId: 'ann', key });
  await stock.reserve(sale.id, queued);
  const fields = saleKey(sale.id, 'sale');
  const past = Date.now() - hourMs;
  const future = Date.now() + hourMs;
  // too much of everything, for the buyer too; the sale paused, over, not begun; the key known with another body; fenced
  await client.hset(fields, { status: 'paused', opensAt: future, closesAt: past, fence: 'somebody' });
  const greedy = { buyerId: 'ann', quantities: [9] };
  const same = () => stock.reserve(sale.id, { ...draftOf(sale, { ...greedy, id: queued.id, key }), bodyHash: 'other' });
  const reused = () => stock.reserve(sale.id, draftOf(sale, { ...greedy, key: { ...key, bodyHash: 'other' } }));
  const fresh = () => stock.reserve(sale.id, draftOf(sale, greedy));

  expect([(await same()).kind, (await reused()).kind, (await fresh()).kind]).toEqual(Array(3).fill('recovering'));
  await client.hdel(fields, 'fence');
  expect([(await same()).kind, (await reused()).kind, (await fresh()).kind]).toEqual([
    'reserved',
    'key-reused',
    'closed',
  ]);
  await client.hset(fields, { closesAt: future + hourMs });
  expect((await fresh()).kind).toBe('paused');
  await client.hset(fields, { status: 'open' });
  expect((await fresh()).kind).toBe('not-open');
  await client.hset(fields, { opensAt: past });
  expect((await fresh()).kind).toBe('sold-out');
  await client.hset(saleKey(sale.id, 'stock'), sale.typeId, 9);
  expect((await fresh()).kind).toBe('limit');
  await client.hset(fields, { maxPerBuyer: 10 });
  expect((await fresh()).kind).toBe('reserved');
});

describe('when the same comes again', () => {
  test('with the same order id, then it takes once and answers the same, however often and whatever became of the sale', async () => {
    const { stock } = ledger;
    const sale = await loadedSale(stock);
    const order = draftOf(sale, { quantities: [2] });
    const answers = await Promise.all(Array.from({ length: 10 }, () => stock.reserve(sale.id, order)));
    await stock.change(sale.id, { from: 1, to: 2 }, { ...sale.fields, status: 'closed' }, new Map());
    answers.push(await stock.reserve(sale.id, order));

    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.kind).toBe('reserved');
    expect((await stock.inspect(sale.id)).available.get(sale.typeId)).toBe(8);
  });

  test('with the same key and body, then it is a replay, in the outbox and after, and also when the sale is over or sold out', async () => {
    const { stock } = ledger;
    const sale = await loadedSale(stock, { available: [1] });
    const order = draftOf(sale, { key });
    await stock.reserve(sale.id, order);
    const replay = () => stock.reserve(sale.id, draftOf(sale, { key }));

    expect(await replay()).toEqual({ kind: 'replayed', orderId: order.id });
    await stock.settle(sale.id, [{ id: order.id, status: 'reserved' }]);
    expect(await replay()).toEqual({ kind: 'replayed', orderId: order.id });
    await stock.change(sale.id, { from: 1, to: 2 }, { ...sale.fields, status: 'closed' }, new Map());
    expect(await replay()).toEqual({ kind: 'replayed', orderId: order.id });
  });

  test('with the same key and another body, then it is refused and takes nothing', async () => {
    const { stock, client } = ledger;
    const sale = await loadedSale(stock);
    await stock.reserve(sale.id, draftOf(sale, { key }));
    const before = await imageOf(client, sale.id);
    const other = draftOf(sale, { key: { ...key, bodyHash: 'i'.repeat(22) }, quantities: [2] });
    expect(await stock.reserve(sale.id, other)).toEqual({ kind: 'key-reused' });
    expect(await imageOf(client, sale.id)).toEqual(before);
  });

  test('with a key after a refusal, then the refusal was not remembered', async () => {
    const { stock, client } = ledger;
    const sale = await loadedSale(stock, { available: [0] });
    expect((await stock.reserve(sale.id, draftOf(sale, { key }))).kind).toBe('sold-out');
    await client.hset(saleKey(sale.id, 'stock'), sale.typeId, 1);
    expect((await stock.reserve(sale.id, draftOf(sale, { key }))).kind).toBe('reserved');
  });

  test('without a key, then it is another order', async () => {
    const { stock } = ledger;
    const sale = await loadedSale(stock);
    await stock.reserve(sale.id, draftOf(sale));
    expect((await stock.reserve(sale.id, draftOf(sale))).kind).toBe('reserved');
    expect((await stock.inspect(sale.id)).outboxSize).toBe(2);
  });
});

describe('when Redis cannot be trusted with the sale, then it answers recovering and changes nothing', () => {
  async function expectRecovering(saleId: string, typeIds: readonly string[]): Promise<void> {
    const before = await imageOf(ledger.client, saleId);
    const outcome = await ledger.stock.reserve(saleId, draftOf({ typeIds }, { key }));
    expect(outcome).toEqual({ kind: 'recovering' });
    expect(await imageOf(ledger.client, saleId)).toEqual(before);
  }

  test('not loaded', () => expectRecovering(newId(), [newId()]));

  test.each(['sale', 'stock', 'buyers', 'queued', 'idem'] as const)('%s was lost', async (lost) => {
    const sale = await loadedSale(ledger.stock);
    await ledger.stock.reserve(sale.id, draftOf(sale, { key: { field: 'other', bodyHash: 'body' } }));
    await ledger.client.del(saleKey(sale.id, lost));
    await expectRecovering(sale.id, sale.typeIds);
  });

  test.each(['stock', 'buyers', 'queued', 'idem'] as const)('%s is of another epoch', async (other) => {
    const sale = await loadedSale(ledger.stock);
    await ledger.client.hset(saleKey(sale.id, other), '', 0);
    await expectRecovering(sale.id, sale.typeIds);
  });

  test('fenced', async () => {
    const sale = await loadedSale(ledger.stock);
    await ledger.stock.fence(sale.id, newId());
    await expectRecovering(sale.id, sale.typeIds);
  });

  test('a ticket type that it does not know', async () => {
    const sale = await loadedSale(ledger.stock);
    await expectRecovering(sale.id, [sale.typeId, newId()].reverse());
  });

  test('Redis restarted with its data, until the sale is loaded again', async () => {
    const sale = await loadedSale(ledger.stock);
    await ledger.stock.reserve(sale.id, draftOf(sale, { quantities: [2] }));
    await ledger.restart();
    await expectRecovering(sale.id, sale.typeIds);

    await ledger.client.del(saleKey(sale.id, 'queued'));
    expect(await reloaded(ledger.stock, sale, [10])).toBe(true);
    expect((await ledger.stock.reserve(sale.id, draftOf(sale))).kind).toBe('reserved');
  });
});
