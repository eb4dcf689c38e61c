import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { DomainError, type Sale } from '../../src/domain/index.js';
import type { QueuedOrder } from '../../src/inventory/index.js';
import { saleKey, saleKeys } from '../../src/redis/index.js';
import { moved } from '../../src/sales/sale-edit.js';
import { factsOf, startBackend } from '../support/backend.js';
import { draftOf, imageOf, type LoadedTestSale } from '../support/loaded-sale.js';

let backend: Awaited<ReturnType<typeof startBackend>>;

beforeAll(async () => {
  backend = await startBackend();
});

afterAll(() => backend.stop());

const audit = { actor: 'test', action: 'sale.updated' };
const key = { field: 'key of ann', bodyHash: 'body of ann' };

interface BusySale extends LoadedTestSale {
  /** one order in each state: in the outbox, written and not settled, held, confirmed, cancelled and not given back */
  readonly orders: Readonly<Record<'queued' | 'unsettled' | 'held' | 'confirmed' | 'returning', QueuedOrder>>;
}

/** A sale in the middle of everything. */
async function busySale(): Promise<BusySale> {
  const sale = await backend.openSale({ capacities: [50, 50], maxPerBuyer: 20 });
  const draft = (buyerId: string, quantities: number[]) => draftOf(sale, { buyerId, quantities });
  const orders = {
    queued: draftOf(sale, { buyerId: 'ann', quantities: [1, 2], key }),
    unsettled: draft('ann', [3]),
    held: draft('bob', [0, 4]),
    confirmed: draft('cid', [5]),
    returning: draft('bob', [6]),
  };
  for (const order of Object.values(orders)) await backend.stock.reserve(sale.id, order);
  const entry = await backend.client.hget(saleKey(sale.id, 'queued'), orders.unsettled.id);
  if (entry === null) throw new Error('no entry');
  const { held, confirmed, returning, unsettled } = orders;
  await backend.persist.execute(
    sale.id,
    [held, confirmed, returning].map(({ id }) => id),
  );
  await backend.orders.confirm(sale.id, confirmed.id);
  await backend.holds.cancel(sale.id, returning.id, ['reserved'], 'any');
  await writeOnly(sale.id, unsettled);
  expect(await backend.reload.mend(sale.id)).toBe(false);
  return { ...sale, orders };
}

/** Writes an order as a worker that dies before it settles. */
async function writeOnly(saleId: string, order: QueuedOrder): Promise<void> {
  const keys = (['stock', 'queued', 'queued-at', 'queued-by'] as const).map((name) => saleKey(saleId, name));
  const before = await Promise.all(keys.map((name) => backend.client.dumpBuffer(name)));
  await backend.persist.execute(saleId, [order.id]);
  for (const [i, image] of before.entries()) {
    await backend.client.restore(keys[i] ?? '', 0, image, 'REPLACE');
  }
}

async function saleOf({ id }: { readonly id: string }): Promise<Sale> {
  const sale = await backend.sales.find(id);
  if (sale === null) throw new Error('no such sale');
  return sale;
}

/** What there is of each type when nobody is about: capacity without what is taken or waits. */
async function figuresOf(sale: LoadedTestSale) {
  const { figures, well, inspection } = await backend.reader.read(await saleOf(sale));
  return {
    well,
    outbox: inspection.outboxSize,
    drift: figures.map(({ drift }) => drift),
    available: figures.map(({ available }) => available),
  };
}

/** Ends all that is under way, then demands that both stores agree on everything. */
async function expectAgreement(sale: LoadedTestSale): Promise<void> {
  const ids: string[] = [];
  for await (const part of backend.stock.outboxIds(sale.id)) ids.push(...part);
  await backend.persist.execute(sale.id, ids);
  await backend.returns.deliverSale(sale.id, Infinity);
  expect(await backend.reload.mend(sale.id)).toBe(false);

  const facts = await factsOf(backend, sale.id);
  const image = await imageOf(backend.client, sale.id);
  expect(await figuresOf(sale)).toMatchObject({ well: true, outbox: 0, drift: sale.typeIds.map(() => 0) });
  expect(facts.returns).toEqual([]);
  for (const { taken, sold, capacity } of facts.types) {
    expect(taken).toBe(sold);
    expect(taken).toBeLessThanOrEqual(capacity);
  }
  const stamp = String(facts.epoch);
  const buyers = Object.entries(facts.buyers).map(([buyer, count]) => [buyer, String(count)]);
  expect(image.buyers).toEqual({ '': stamp, ...(Object.fromEntries(buyers) as object) });
  expect(image['queued-by']).toEqual({ '': stamp });
  const live = facts.orders.filter(({ idempotency, reason }) => idempotency !== null && reason !== 'duplicate');
  const known = live.map(({ id, idempotency, bodyHash }) => [idempotency, id + (bodyHash ?? '')]);
  expect(image.idem).toEqual({ '': stamp, ...(Object.fromEntries(known) as object) });
}

describe('when nothing is wrong', () => {
  test('then mend changes nothing, however much is under way', async () => {
    const sale = await busySale();
    const before = await imageOf(backend.client, sale.id);
    const { epoch } = await saleOf(sale);
    expect(await Promise.all([backend.reload.mend(sale.id), backend.reload.mend(sale.id)])).toEqual([false, false]);
    expect(await imageOf(backend.client, sale.id)).toEqual(before);
    expect((await saleOf(sale)).epoch).toBe(epoch);
    await expectAgreement(sale);
  });

  test('then the compare pass suspects no sale at rest', async () => {
    const sale = await backend.openSale();
    const surveyed = (await backend.look()).filter(({ id }) => id === sale.id);
    expect(await backend.compare.run(surveyed)).toBe(0);
  });

  test('and there is no such sale, then mend does nothing', async () => {
    expect(await backend.reload.mend(newId())).toBe(false);
  });
});

describe('when a sale is damaged', () => {
  const field = (sale: BusySale, name: string, value: string | number) =>
    backend.client.hset(saleKey(sale.id, 'sale'), name, value);
  const lost = (name: (typeof saleKeys)[number]) => (sale: BusySale) => backend.client.del(saleKey(sale.id, name));
  const damages: [string, (sale: BusySale) => Promise<unknown>][] = [
    ['all of Redis was flushed', () => backend.client.flushall()],
    ...saleKeys.map((name): (typeof damages)[0] => [`the key ${name} was lost`, lost(name)]),
    ['Redis restarted with its data', () => backend.restartRedis()],
    ['another server took over', (sale) => field(sale, 'runId', 'another')],
    ['a fence was left behind', (sale) => backend.stock.fence(sale.id, newId())],
    [
      'Redis is an epoch ahead',
      async (sale) => backend.stock.change(sale.id, await epochs(sale), sale.fields, new Map()),
    ],
    ['Redis is an epoch behind', (sale) => backend.sql('UPDATE sales SET epoch = epoch + 1 WHERE id = $1', [sale.id])],
    ['the fields of the sale were lost', (sale) => backend.client.hdel(saleKey(sale.id, 'sale'), 'epoch', 'runId')],
    ['a ticket type was lost', (sale) => backend.client.hdel(saleKey(sale.id, 'stock'), sale.typeId)],
    ['stock was lost', (sale) => backend.client.hincrby(saleKey(sale.id, 'stock'), sale.typeId, -3)],
    ['stock was made up', (sale) => backend.client.hincrby(saleKey(sale.id, 'stock'), sale.typeId, 5)],
    [
      'an order of the outbox was lost',
      (sale) => backend.client.hdel(saleKey(sale.id, 'queued'), sale.orders.queued.id),
    ],
    [
      'the time of an order was lost',
      (sale) => backend.client.zrem(saleKey(sale.id, 'queued-at'), sale.orders.queued.id),
    ],
    ['a count was lost', (sale) => backend.client.hdel(saleKey(sale.id, 'stock'), `${sale.typeId}:queued`)],
    ...(['queued', 'settled', 'returned'] as const).map((count): (typeof damages)[0] => [
      `the count ${count} is wrong`,
      (sale) => backend.client.hincrby(saleKey(sale.id, 'stock'), `${sale.typeId}:${count}`, 1),
    ]),
  ];

  async function epochs(sale: BusySale) {
    const { epoch } = await saleOf(sale);
    return { from: epoch, to: epoch + 1 };
  }

  test.each(damages)('because %s, then mend finds it and both stores agree again', async (_what, damage) => {
    const sale = await busySale();
    const { epoch } = await saleOf(sale);
    await damage(sale);
    const isQueued = (await backend.client.hexists(saleKey(sale.id, 'queued'), sale.orders.queued.id)) === 1;

    expect(await backend.reload.mend(sale.id)).toBe(true);

    expect((await saleOf(sale)).epoch).toBeGreaterThan(epoch);
    expect((await factsOf(backend, sale.id)).returns).toEqual([]);
    const queued = isQueued ? [1, 2] : [0, 0];
    expect(await figuresOf(sale)).toEqual({
      well: true,
      outbox: isQueued ? 1 : 0,
      drift: [0, 0],
      available: [50 - 3 - 5 - (queued[0] ?? 0), 50 - 4 - (queued[1] ?? 0)],
    });
    const replay = await backend.stock.reserve(sale.id, draftOf(sale, { buyerId: 'ann', key }));
    expect(replay.kind).toBe(isQueued ? 'replayed' : 'reserved');
    await expectAgreement(sale);
  });

  test.each(damages)('because %s, then the compare pass finds it at its first look', async (_what, damage) => {
    const sale = await busySale();
    await damage(sale);
    expect(await compared(sale)).toBe(1);
    await expectAgreement(sale);
  });

  /** How many sales the compare pass reloads where it looks at this one alone. */
  async function compared(sale: BusySale): Promise<number> {
    return backend.compare.run((await backend.look()).filter(({ id }) => id === sale.id));
  }

  test('because Postgres lost a commit of orders that Redis has settled, then it is seen and mended', async () => {
    const sale = await busySale();
    const { held } = sale.orders;
    await backend.sql('DELETE FROM orders WHERE id = $1', [held.id]);
    await backend.sql('UPDATE buyer_totals SET tickets = tickets - 4 WHERE sale_id = $1 AND buyer_id = $2', [
      sale.id,
      held.buyerId,
    ]);
    await backend.sql('UPDATE ticket_types SET taken = taken - 4, written = written - 4 WHERE id = $1', [
      sale.typeIds[1],
    ]);
    expect(await compared(sale)).toBe(1);
    await expectAgreement(sale);
  });

  test('because Redis gave a batch back of which Postgres knows nothing, then it is seen and mended', async () => {
    const sale = await busySale();
    const { returnBatch, loadedEpoch } = await factsOf(backend, sale.id);
    const orders = [{ buyerId: 'bob', items: sale.orders.returning.items }];
    for (const number of [returnBatch + 1, returnBatch + 2]) {
      await backend.stock.release(sale.id, { loadedEpoch, number, orders });
    }
    expect(await figuresOf(sale)).toMatchObject({ well: false, drift: [-6, 0] });
    expect(await compared(sale)).toBe(1);
    await expectAgreement(sale);
  });

  test('and many notice at once, then one reloads it and the others find it well', async () => {
    const sale = await busySale();
    await backend.client.del(...saleKeys.map((name) => saleKey(sale.id, name)));
    const mended = await Promise.all(Array.from({ length: 8 }, () => backend.reload.mend(sale.id)));
    expect(mended.filter(Boolean)).toHaveLength(1);
    await expectAgreement(sale);
  });

  test('in the middle of a reload, then that reload gives up and the next one mends', async () => {
    const sale = await busySale();
    for (let round = 0; round < 40; round++) {
      await backend.stock.fence(sale.id, newId());
      const mending = backend.reload.mend(sale.id).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'recovering' });
      });
      const damage = round % 2 === 0 ? ['sale'] : ['queued', 'queued-at'];
      await Promise.all([mending, backend.client.del(...damage.map((name) => saleKey(sale.id, name as 'sale')))]);
      await backend.reload.mend(sale.id);
      expect((await figuresOf(sale)).well).toBe(true);
    }
    await expectAgreement(sale);
  });
});

describe('when a sale changes', () => {
  test('in its fields, then nobody is fenced out and undelivered returns are carried along', async () => {
    const sale = await busySale();
    await backend.changes.execute(sale.id, audit, (before) => moved(before, 'pause'));
    expect((await backend.stock.reserve(sale.id, draftOf(sale))).kind).toBe('paused');
    expect((await factsOf(backend, sale.id)).returns).toHaveLength(1);
    await backend.changes.execute(sale.id, audit, (before) => moved(before, 'resume'));
    expect((await backend.stock.reserve(sale.id, draftOf(sale))).kind).toBe('reserved');
    await expectAgreement(sale);
  });

  test('in its capacities, up and down at once, then both stores have them', async () => {
    const sale = await busySale();
    const after = await backend.changes.execute(sale.id, audit, (before) => withCapacities(before, [70, 10]));
    expect(after.ticketTypes.map(({ capacity }) => capacity)).toEqual([70, 10]);
    expect((await figuresOf(sale)).available).toEqual([70 - 1 - 3 - 5 - 6, 10 - 2 - 4]);
    await expectAgreement(sale);
  });

  test('in its capacities, by several admins at once, then each tells of tickets that are for sale', async () => {
    const sale = await busySale();
    await Promise.all(
      [0, 1, 0, 1, 0].map((grown, i) =>
        backend.changes.execute(sale.id, audit, (before) => ({
          ...before,
          name: `Change ${i}`,
          ticketTypes: before.ticketTypes.map((type, k) =>
            k === grown ? { ...type, capacity: type.capacity + 5 } : type,
          ),
        })),
      ),
    );
    expect(await figuresOf(sale)).toMatchObject({ well: true, available: [65 - 15, 60 - 6] });
    await expectAgreement(sale);
  });

  test('to less than what is taken or waits, then it is refused and nothing has changed', async () => {
    const sale = await busySale();
    const before = [await imageOf(backend.client, sale.id), await factsOf(backend, sale.id)];
    // taken 8, in the outbox 1, on its way back 6: the first is refused by Postgres, the others by Redis
    for (const capacity of [7, 8, 14]) {
      const refused = backend.changes.execute(sale.id, audit, (one) => withCapacities(one, [capacity, 20]));
      await expect(refused).rejects.toMatchObject({
        code: 'capacity_below_taken',
        facts: { ticketTypeIds: [sale.typeId] },
      });
    }
    expect([await imageOf(backend.client, sale.id), await factsOf(backend, sale.id)]).toEqual(before);
    await backend.changes.execute(sale.id, audit, (one) => withCapacities(one, [15, 20]));
    await expectAgreement(sale);
  });

  test('while it is damaged, then it is mended first', async () => {
    const sale = await busySale();
    await backend.client.del(saleKey(sale.id, 'stock'));
    const after = await backend.changes.execute(sale.id, audit, (before) => withCapacities(before, [60, 60]));
    expect(after.ticketTypes.map(({ capacity }) => capacity)).toEqual([60, 60]);
    await expectAgreement(sale);
  });

  test('and the edit refuses, then nothing has changed', async () => {
    const sale = await busySale();
    const before = [await imageOf(backend.client, sale.id), await factsOf(backend, sale.id)];
    await expect(backend.changes.execute(sale.id, audit, (one) => moved(one, 'resume'))).rejects.toThrow(DomainError);
    expect([await imageOf(backend.client, sale.id), await factsOf(backend, sale.id)]).toEqual(before);
  });
});

describe('when everything happens at once', () => {
  /** Buys, writes, cancels, confirms and expires for a while, beside whatever else goes on. */
  async function trade(
    sale: LoadedTestSale,
    rounds: number,
    disturb: (round: number) => Promise<unknown>,
  ): Promise<QueuedOrder[]> {
    const accepted: QueuedOrder[] = [];
    for (let round = 0; round < rounds; round++) {
      const drafts = Array.from({ length: 6 }, (_, i) =>
        draftOf(sale, { buyerId: `buyer ${(round + i) % 7}`, quantities: [1 + (i % 2), i % 3 === 0 ? 1 : 0] }),
      );
      const buy = drafts.map(async (order) => {
        if ((await backend.stock.reserve(sale.id, order)).kind === 'reserved') accepted.push(order);
      });
      const recent = accepted.slice(-12).map(({ id }) => id);
      const end = accepted.slice(-20, -12).map(async ({ id }, i) => {
        if (i % 3 === 0) await backend.holds.cancel(sale.id, id, ['reserved', 'confirmed'], 'any');
        if (i % 3 === 1) await backend.orders.confirm(sale.id, id);
      });
      const write = [backend.persist.execute(sale.id, recent), backend.persist.execute(sale.id, recent.reverse())];
      await Promise.all([...buy, ...end, ...write, backend.returns.deliverSale(sale.id, 0), disturb(round)]);
    }
    return accepted;
  }

  async function expectAllKept(sale: LoadedTestSale, accepted: readonly QueuedOrder[]): Promise<void> {
    await expectAgreement(sale);
    const { orders } = await factsOf(backend, sale.id);
    const statuses = new Map(orders.map(({ id, status }) => [id, status]));
    expect(accepted.filter(({ id }) => !statuses.has(id))).toEqual([]);
    expect(orders.filter(({ status }) => status === 'rejected')).toEqual([]);
  }

  test('with mends of a sale that is well, then they do nothing', async () => {
    const sale = await backend.openSale({ capacities: [120, 60], maxPerBuyer: 40 });
    const { epoch } = await saleOf(sale);
    const accepted = await trade(sale, 50, async () => {
      expect(await Promise.all([backend.reload.mend(sale.id), backend.reload.mend(sale.id)])).toEqual([false, false]);
    });
    expect((await saleOf(sale)).epoch).toBe(epoch);
    await expectAllKept(sale, accepted);
  });

  test('with reloads for nothing, then no order is lost and no ticket sold twice', async () => {
    const sale = await backend.openSale({ capacities: [120, 60], maxPerBuyer: 40 });
    const accepted = await trade(sale, 60, async () => {
      await backend.stock.fence(sale.id, newId());
      // another fence may come between
      await backend.reload.mend(sale.id).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'recovering' });
      });
    });
    await backend.reload.mend(sale.id);
    await expectAllKept(sale, accepted);
  });

  test('with single keys lost, then what Postgres has is kept, nothing is oversold, and it is well after a mend', async () => {
    const sale = await backend.openSale({ capacities: [120, 60], maxPerBuyer: 40 });
    await trade(sale, 60, async (round) => {
      await backend.client.del(saleKey(sale.id, saleKeys[round % saleKeys.length] ?? 'sale'));
      await backend.reload.mend(sale.id).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'recovering' });
      });
    });
    await backend.reload.mend(sale.id);
    await expectAgreement(sale);
  });

  test('with capacities that go up and down, then there is never less than was promised', async () => {
    const sale = await backend.openSale({ capacities: [40, 30], maxPerBuyer: 40 });
    let [refused, done] = [0, 0];
    const accepted = await trade(sale, 60, async (round) => {
      const capacities = [20 + ((round * 7) % 60), 10 + ((round * 5) % 40)];
      await Promise.all(
        capacities.map((capacity, i) =>
          backend.changes
            .execute(sale.id, audit, (before) =>
              withCapacities(
                before,
                before.ticketTypes.map((type, at) => (at === i ? capacity : type.capacity)),
              ),
            )
            .then(
              () => (done += 1),
              (error: unknown) => {
                expect(error).toMatchObject({ code: 'capacity_below_taken' });
                refused += 1;
              },
            ),
        ),
      );
    });
    expect(Math.min(refused, done)).toBeGreaterThan(0);
    await expectAllKept(sale, accepted);
  });

  test('with the limit going up and down, then no accepted order is refused', async () => {
    const sale = await backend.openSale({ capacities: [200, 100], maxPerBuyer: 40 });
    const accepted = await trade(sale, 40, (round) =>
      backend.changes.execute(sale.id, audit, (before) => ({ ...before, maxPerBuyer: 5 + ((round * 11) % 30) })),
    );
    await expectAllKept(sale, accepted);
  });

  test('and an inventory is read meanwhile, then its figures add up each time', async () => {
    const sale = await backend.openSale({ capacities: [200, 100], maxPerBuyer: 40 });
    const wrong: unknown[] = [];
    await trade(sale, 40, async () => {
      for (let i = 0; i < 3; i++) {
        const { figures } = await backend.database.transaction(async (tx) => {
          await tx.rows({ name: 'test-gate', text: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))' }, [
            sale.id,
          ]);
          const row = await backend.sales.find(sale.id, tx);
          return backend.reader.read(row ?? (await saleOf(sale)));
        });
        wrong.push(...figures.filter(({ drift }) => drift !== 0));
      }
    });
    expect(wrong).toEqual([]);
  });
});

function withCapacities(sale: Sale, capacities: readonly number[]): Sale {
  return {
    ...sale,
    ticketTypes: sale.ticketTypes.map((type, i) => ({ ...type, capacity: capacities[i] ?? type.capacity })),
  };
}
