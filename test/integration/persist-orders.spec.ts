import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import type { QueuedOrder } from '../../src/inventory/index.js';
import { saleKey } from '../../src/redis/index.js';
import { factsOf, startBackend } from '../support/backend.js';
import { draftOf, type LoadedTestSale, type OrderOptions } from '../support/loaded-sale.js';

let backend: Awaited<ReturnType<typeof startBackend>>;

beforeAll(async () => {
  backend = await startBackend();
});

afterAll(() => backend.stop());

/** Orders that Redis accepted one after the other, each at a millisecond of its own. */
async function accepted(sale: LoadedTestSale, ...options: OrderOptions[]): Promise<QueuedOrder[]> {
  const orders = options.map((one) => draftOf(sale, one));
  for (const order of orders) {
    expect((await backend.stock.reserve(sale.id, order)).kind).toBe('reserved');
    acceptedAtMs += 1;
    const entry = await backend.client.hget(saleKey(sale.id, 'queued'), order.id);
    await backend.client.hset(saleKey(sale.id, 'queued'), order.id, `${acceptedAtMs}${entry?.slice(13) ?? ''}`);
  }
  return orders;
}

let acceptedAtMs = Date.now();

function idsOf(orders: readonly QueuedOrder[]): string[] {
  return orders.map(({ id }) => id);
}

/** Status of each order, with the reason where it was rejected. */
async function statusesOf(sale: LoadedTestSale, orders: readonly QueuedOrder[]): Promise<(string | undefined)[]> {
  const facts = await factsOf(backend, sale.id);
  const byId = new Map(facts.orders.map(({ id, status, reason }) => [id, reason ?? status]));
  return orders.map(({ id }) => byId.get(id));
}

/** Nothing is left in the outbox, both stores agree, and `taken` is what was sold. */
async function expectAtRest(sale: LoadedTestSale): Promise<void> {
  const row = await backend.sales.find(sale.id);
  if (row === null) throw new Error('no such sale');
  const { figures, inspection, well } = await backend.reader.read(row);
  expect({ outbox: inspection.outboxSize, well, drift: figures.map(({ drift }) => drift) }).toEqual({
    outbox: 0,
    well: true,
    drift: figures.map(() => 0),
  });
  const facts = await factsOf(backend, sale.id);
  for (const { capacity, taken, sold } of facts.types) {
    expect(taken).toBe(sold);
    expect(taken).toBeLessThanOrEqual(capacity);
  }
  const { '': _stamp, ...buyers } = await backend.client.hgetall(saleKey(sale.id, 'buyers'));
  expect(Object.fromEntries(Object.entries(buyers).map(([buyer, count]) => [buyer, Number(count)]))).toEqual(
    facts.buyers,
  );
}

describe('when everything fits', () => {
  test('then orders, items, totals and taken are written, and the outbox is empty', async () => {
    const sale = await backend.openSale({ capacities: [10, 5] });
    const key = { field: 'field', bodyHash: 'hash' };
    const orders = await accepted(
      sale,
      { buyerId: 'ann', quantities: [2, 1], key, answers: { shirt: 'L', age: 7, vip: true } },
      { buyerId: 'ann', quantities: [1] },
      { buyerId: 'bob', quantities: [0, 2] },
    );

    await backend.persist.execute(sale.id, idsOf(orders));

    const [first] = orders as [QueuedOrder];
    const row = await backend.orders.find(sale.id, first.id);
    const { id, buyerId, items, totalMinor, currency, answers } = first;
    expect(row).toMatchObject({
      id,
      saleId: sale.id,
      buyerId,
      items,
      totalMinor,
      currency,
      answers,
      status: 'reserved',
    });
    const facts = await factsOf(backend, sale.id);
    expect(facts.types.map(({ taken }) => taken)).toEqual([3, 3]);
    expect(facts.buyers).toEqual({ ann: 4, bob: 2 });
    expect(facts.orders.find((order) => order.id === id)).toMatchObject({ idempotency: 'field', bodyHash: 'hash' });
    await expectAtRest(sale);
  });

  test('then the hold runs from the moment of writing, by the clock of Postgres, and the order is as old as in Redis', async () => {
    const sale = await backend.openSale();
    const [order] = (await accepted(sale, {})) as [QueuedOrder];
    const [entry] = await backend.stock.entries(sale.id, [order.id]);
    const clock = async () =>
      (await backend.sql<{ now: Date }>('SELECT clock_timestamp() AS now'))[0]?.now.getTime() ?? NaN;
    const before = await clock();
    await backend.persist.execute(sale.id, [order.id]);
    const row = await backend.orders.find(sale.id, order.id);
    const heldFrom = (row?.holdExpiresAt?.getTime() ?? NaN) - 3_600_000;
    expect(heldFrom).toBeGreaterThanOrEqual(before - 1);
    expect(heldFrom).toBeLessThanOrEqual((await clock()) + 1);
    expect(row?.createdAt).toEqual(entry?.takenAt);
  });

  test('then 2,000 orders in batches are all counted once', async () => {
    const sale = await backend.openSale({ capacities: [3000, 3000] });
    const orders = Array.from({ length: 2000 }, (_, i) =>
      draftOf(sale, { buyerId: `buyer ${i % 700}`, quantities: [1, i % 2] }),
    );
    await Promise.all(orders.map((order) => backend.stock.reserve(sale.id, order)));
    const ids = idsOf(orders);
    for (let i = 0; i < ids.length; i += 400) {
      // batches overlap, as those of a requeue do
      await backend.persist.execute(sale.id, ids.slice(Math.max(0, i - 100), i + 400));
    }
    expect((await factsOf(backend, sale.id)).types.map(({ taken }) => taken)).toEqual([2000, 1000]);
    await expectAtRest(sale);
  });
});

describe('when the same comes again', () => {
  test('as the same batch five times at once, then it is counted once', async () => {
    const sale = await backend.openSale({ capacities: [100] });
    const orders = await accepted(
      sale,
      ...Array.from({ length: 20 }, (_, i) => ({ buyerId: `buyer ${i % 6}`, quantities: [2] })),
    );
    await Promise.all(Array.from({ length: 5 }, () => backend.persist.execute(sale.id, idsOf(orders))));
    expect((await factsOf(backend, sale.id)).types[0]?.taken).toBe(40);
    await expectAtRest(sale);
  });

  test('within one batch, then it is counted once', async () => {
    const sale = await backend.openSale();
    const orders = await accepted(sale, { quantities: [2] }, { quantities: [3] });
    const [first = '', second = ''] = idsOf(orders);
    await backend.persist.execute(sale.id, [first, second, first, first]);
    expect(await statusesOf(sale, orders)).toEqual(['reserved', 'reserved']);
    await expectAtRest(sale);
  });

  test('after a crash between commit and settle, then it is only settled, with the status that it has by now', async () => {
    const sale = await backend.openSale();
    const [order] = (await accepted(sale, { quantities: [4] })) as [QueuedOrder];
    const image = await backend.client.dumpBuffer(saleKey(sale.id, 'queued'));
    await backend.persist.execute(sale.id, [order.id]);
    await backend.claims.cancelAsAdmin(sale.id, order.id, 'test');
    await backend.client.restore(saleKey(sale.id, 'queued'), 0, image, 'REPLACE');

    await backend.persist.execute(sale.id, [order.id]);

    expect(await statusesOf(sale, [order])).toEqual(['cancelled']);
    expect(await backend.stock.entries(sale.id, [order.id])).toEqual([]);
    expect((await factsOf(backend, sale.id)).types[0]?.taken).toBe(0);
  });

  test('with ids that nobody knows, then they are passed over', async () => {
    const sale = await backend.openSale();
    const orders = await accepted(sale, {});
    await backend.persist.execute(sale.id, [newId(), ...idsOf(orders), newId()]);
    expect(await statusesOf(sale, orders)).toEqual(['reserved']);
    await backend.persist.execute(sale.id, []);
    await expectAtRest(sale);
  });

  test('under its idempotency key after Redis had forgotten it, then only one of the two is kept and the stock of the other comes back', async () => {
    const sale = await backend.openSale();
    const key = { field: 'field', bodyHash: 'hash' };
    const first = await accepted(sale, { quantities: [2], key });
    await backend.client.hdel(saleKey(sale.id, 'idem'), key.field);
    const again = await accepted(sale, { quantities: [2], key }, { quantities: [1] });

    await backend.persist.execute(sale.id, idsOf([...again, ...first]));

    const [one, two, other] = await statusesOf(sale, [...first, ...again]);
    expect([one, two].sort()).toEqual(['duplicate', 'reserved']);
    expect(other).toBe('reserved');
    await expectAtRest(sale);

    // and also in a batch of its own, after the first was written
    await backend.client.hdel(saleKey(sale.id, 'idem'), key.field);
    const third = await accepted(sale, { quantities: [2], key });
    await backend.persist.execute(sale.id, idsOf(third));
    expect(await statusesOf(sale, third)).toEqual(['duplicate']);
    await expectAtRest(sale);
  });
});

describe('when Redis gave away more than there is', () => {
  test('then the first that fit are admitted, the others rejected, and a smaller one after them still fits', async () => {
    const sale = await backend.openSale({ capacities: [10] });
    const orders = await accepted(
      sale,
      ...[4, 3, 2, 1].map((quantity, i) => ({ buyerId: `buyer ${i}`, quantities: [quantity] })),
    );
    await backend.sql('UPDATE ticket_types SET capacity = 6 WHERE id = $1', [sale.typeId]);

    await backend.persist.execute(sale.id, idsOf(orders).reverse());

    expect(await statusesOf(sale, orders)).toEqual(['reserved', 'sold_out', 'reserved', 'sold_out']);
    expect((await factsOf(backend, sale.id)).types[0]?.taken).toBe(6);
    expect(await backend.reload.mend(sale.id)).toBe(true);
    await expectAtRest(sale);
  });

  test('of one type only, then an order that also wants another gets nothing of either', async () => {
    const sale = await backend.openSale({ capacities: [10, 10] });
    const orders = await accepted(sale, { quantities: [2, 2] }, { quantities: [0, 3] }, { quantities: [3] });
    await backend.sql('UPDATE ticket_types SET capacity = 4 WHERE id = $1', [sale.typeIds[1]]);

    await backend.persist.execute(sale.id, idsOf(orders));

    expect(await statusesOf(sale, orders)).toEqual(['reserved', 'sold_out', 'reserved']);
    expect((await factsOf(backend, sale.id)).types.map(({ taken }) => taken)).toEqual([5, 2]);
    await backend.reload.mend(sale.id);
    await expectAtRest(sale);
  });

  test('in a batch of 300, then exactly what fits is admitted, in the order of acceptance', async () => {
    const sale = await backend.openSale({ capacities: [300] });
    const orders = await accepted(sale, ...Array.from({ length: 300 }, (_, i) => ({ buyerId: `buyer ${i}` })));
    await backend.sql('UPDATE ticket_types SET capacity = 123 WHERE id = $1', [sale.typeId]);
    await backend.persist.execute(sale.id, idsOf(orders).reverse());
    const statuses = await statusesOf(sale, orders);
    expect(statuses.filter((status) => status === 'reserved')).toHaveLength(123);
    expect(statuses.filter((status) => status === 'sold_out')).toHaveLength(177);
    expect(statuses.lastIndexOf('reserved')).toBe(122);
    await backend.reload.mend(sale.id);
    await expectAtRest(sale);
  });
});

describe('when Redis forgot what a buyer has', () => {
  test('then Postgres holds him to the limit, and the others of the batch are written', async () => {
    const sale = await backend.openSale({ capacities: [100], maxPerBuyer: 4 });
    const first = await accepted(sale, { buyerId: 'ann', quantities: [3] });
    await backend.persist.execute(sale.id, idsOf(first));
    await backend.client.hdel(saleKey(sale.id, 'buyers'), 'ann');
    const more = await accepted(
      sale,
      { buyerId: 'ann', quantities: [2] },
      { buyerId: 'bob', quantities: [4] },
      { buyerId: 'ann', quantities: [1] },
    );

    await backend.persist.execute(sale.id, idsOf(more));

    expect(await statusesOf(sale, more)).toEqual(['limit_exceeded', 'reserved', 'reserved']);
    expect((await factsOf(backend, sale.id)).buyers).toEqual({ ann: 4, bob: 4 });
    expect((await backend.stock.inspect(sale.id)).available.get(sale.typeId)).toBe(92);
  });
});

describe('when the limit changes while orders wait', () => {
  test('downwards, then what was accepted before is still good', async () => {
    const sale = await backend.openSale({ maxPerBuyer: 5 });
    const orders = await accepted(sale, { quantities: [3] }, { quantities: [2] });
    await backend.changes.execute(sale.id, { actor: 'test', action: 'sale.updated' }, (before) => ({
      ...before,
      maxPerBuyer: 1,
    }));
    await backend.persist.execute(sale.id, idsOf(orders));
    expect(await statusesOf(sale, orders)).toEqual(['reserved', 'reserved']);
    await expectAtRest(sale);
  });

  test('upwards, then orders may come in any order: each was within the limit of its time', async () => {
    const sale = await backend.openSale({ maxPerBuyer: 2 });
    const early = await accepted(sale, { quantities: [2] });
    await backend.changes.execute(sale.id, { actor: 'test', action: 'sale.updated' }, (before) => ({
      ...before,
      maxPerBuyer: 4,
    }));
    const late = await accepted(sale, { quantities: [2] });

    await backend.persist.execute(sale.id, idsOf(late));
    await backend.persist.execute(sale.id, idsOf(early));

    expect(await statusesOf(sale, [...early, ...late])).toEqual(['reserved', 'reserved']);
    await expectAtRest(sale);
  });
});

describe('when an order cannot be written', () => {
  const unwritable: [string, (sale: LoadedTestSale) => Partial<QueuedOrder>][] = [
    [
      'names a ticket type that does not exist',
      () => ({ items: [{ ticketTypeId: newId(), quantity: 1, unitPriceMinor: 1 }] }),
    ],
    [
      'names a ticket type twice',
      ({ typeId }) => ({ items: [0, 1].map(() => ({ ticketTypeId: typeId, quantity: 1, unitPriceMinor: 1 })) }),
    ],
    ['has a text that jsonb cannot hold', () => ({ answers: { name: '\u0000' } })],
    ['has a buyer that text cannot hold', () => ({ buyerId: 'a\u0000' })],
    ['is worth more than there are numbers for', () => ({ totalMinor: 1e300 })],
    ['has an id that is none', () => ({ items: [{ ticketTypeId: 'none', quantity: 1, unitPriceMinor: 1 }] })],
  ];

  test.each(unwritable)('because it %s, then its siblings are, and it stays in the outbox', async (_why, spoil) => {
    const sale = await backend.openSale();
    const orders = await accepted(sale, { quantities: [1] }, { quantities: [2] }, { quantities: [3] });
    const [, bad] = orders as [QueuedOrder, QueuedOrder];
    const entry = await backend.client.hget(saleKey(sale.id, 'queued'), bad.id);
    const head = /^\d+ \d+ /.exec(entry ?? '')?.[0] ?? '';
    const text = head + JSON.stringify({ ...bad, ...spoil(sale) });
    await backend.client.hset(saleKey(sale.id, 'queued'), bad.id, text);

    await expect(backend.persist.execute(sale.id, idsOf(orders))).rejects.toThrow();

    expect(await statusesOf(sale, orders)).toEqual(['reserved', undefined, 'reserved']);
    expect((await backend.stock.inspect(sale.id)).outboxSize).toBe(1);
    expect((await factsOf(backend, sale.id)).types[0]).toMatchObject({ taken: 4, sold: 4 });
  });

  test('because nobody can read it, then its siblings are, and the next reload takes it out', async () => {
    const sale = await backend.openSale();
    const orders = await accepted(sale, { quantities: [1] }, { quantities: [2] }, { quantities: [3] });
    const [, bad] = orders as [QueuedOrder, QueuedOrder];
    await backend.client.hset(saleKey(sale.id, 'queued'), bad.id, '1 2 {broken');

    await backend.persist.execute(sale.id, idsOf(orders));

    expect(await statusesOf(sale, orders)).toEqual(['reserved', undefined, 'reserved']);
    await backend.stock.fence(sale.id, newId());
    expect(await backend.reload.mend(sale.id)).toBe(true);
    await expectAtRest(sale);
  });
});

test('when a sale is being reloaded, then persist waits for the gate and then writes what the reload counted', async () => {
  const sale = await backend.openSale();
  const orders = await accepted(sale, { quantities: [2] }, { quantities: [1] });
  await backend.stock.fence(sale.id, newId());
  await Promise.all([backend.reload.mend(sale.id), backend.persist.execute(sale.id, idsOf(orders))]);
  expect(await statusesOf(sale, orders)).toEqual(['reserved', 'reserved']);
  await expectAtRest(sale);
});
