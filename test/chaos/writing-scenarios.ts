import { expect } from '@jest/globals';
import { DomainError, type Order, type Sale } from '../../src/domain/index.js';
import { idempotencyField } from '../../src/http/index.js';
import { StockStore, type QueuedOrder } from '../../src/inventory/index.js';
import { OrderBatches, PersistOrders } from '../../src/orders/index.js';
import { ResolveDeadLetter } from '../../src/orders/resolve-dead-letter.js';
import { RequeueOrdersPass } from '../../src/reconciliation/requeue-orders.pass.js';
import { Survey } from '../../src/reconciliation/survey.js';
import { rethrow } from '../support/rethrow.js';
import { draftOf } from '../support/loaded-sale.js';
import type { MortalProcess } from './mortal-process.js';
import type { Scenario, Stage } from './stage.js';

/** What a worker does with orders, and an admin with those that cannot be written. */
export const writingScenarios: Readonly<Record<string, Scenario>> = {
  'writing of a batch': async (stage) => {
    const sale = await stage.openSale();
    const orders = [
      await stage.accepted(sale, 'a', { quantities: [2, 1] }),
      await stage.accepted(sale, 'b', { key: 'k' }),
      await stage.accepted(sale, 'a', { quantities: [0, 1] }),
    ];
    return {
      sale,
      run: (process) => write(process, sale, orders),
      verify: async () => {
        for (const order of orders) expect(await stage.statusOf(order)).toBe('reserved');
      },
    };
  },

  'writing of a batch of which Postgres refuses some': async (stage) => {
    const sale = await stage.openSale([10, 1]);
    const fits = await stage.accepted(sale, 'a');
    const duplicate = await duplicateOrder(stage, sale, 'b');
    const overLimit = await orderOverLimit(stage, sale, 'c');
    const soldOut = await orderOverCapacity(stage, sale, 'd');
    const orders = [fits, duplicate, overLimit, soldOut];
    return {
      sale,
      reasons: ['duplicate', 'limit_exceeded', 'sold_out'],
      run: (process) => write(process, sale, orders),
      verify: async () => {
        const rows = await stage.rows<{ id: string; reason: string | null }>('SELECT id, reason FROM orders');
        const reasonOf = ({ id }: Order): unknown => rows.find((row) => row.id === id)?.reason;
        expect(orders.map(reasonOf)).toEqual([null, 'duplicate', 'limit_exceeded', 'sold_out']);
      },
    };
  },

  'writing of a batch that was written before': async (stage) => {
    const sale = await stage.openSale();
    const orders = [
      await stage.unsettled(sale, 'a'),
      await stage.unsettled(sale, 'b', 'rejected'),
      await stage.written(sale, 'c'),
      await stage.accepted(sale, 'd'),
    ];
    return {
      sale,
      reasons: ['not_durable'],
      run: (process) => write(process, sale, orders),
      verify: async () => {
        const statuses = await Promise.all(orders.map((order) => stage.statusOf(order)));
        expect(statuses).toEqual(['reserved', 'rejected', 'reserved', 'reserved']);
      },
    };
  },

  'rejection of orders that nobody shall have': async (stage) => {
    const sale = await stage.openSale();
    const orders = [await stage.orphan(sale, 'a'), await stage.orphan(sale, 'b')];
    return {
      sale,
      reasons: ['not_durable'],
      run: (process) => process.get(PersistOrders).reject(sale.id, ids(orders), 'not_durable'),
    };
  },

  'requeue of an order whose job was lost': async (stage) => {
    const sale = await stage.openSale();
    const orders = [await stage.orphan(sale, 'a'), await stage.orphan(sale, 'b')];
    await stage.ageOutboxes();
    return {
      sale,
      run: async (process) => process.get(RequeueOrdersPass).run(await process.get(Survey).take(rethrow)),
      verify: async () => {
        for (const order of orders) expect(await stage.statusOf(order)).toBe('reserved');
      },
    };
  },

  'last failure of an order that cannot be written': async (stage) => {
    const sale = await stage.openSale();
    const bad = await unwritableOrder(stage, sale);
    await bury(stage, sale, bad, 4);
    const sibling = await stage.orphan(sale, 'sibling');
    return {
      sale,
      run: (process) => write(process, sale, [bad, sibling]),
      verify: async () => {
        expect(await stage.statusOf(sibling)).toBe('reserved');
        expect(await stage.rows('SELECT FROM dead_letters WHERE attempts >= 5 AND NOT discarded')).toHaveLength(1);
      },
    };
  },

  'retry of a dead letter': async (stage) => {
    const sale = await stage.openSale();
    const order = await stage.orphan(sale, 'buyer', { key: 'k' });
    await bury(stage, sale, order, 5);
    const retry = (process: MortalProcess): Promise<unknown> => process.get(ResolveDeadLetter).retry(order.id, 'admin');
    return {
      sale,
      run: retry,
      repeat: (process) => unlessGone(retry(process)),
      verify: async () => {
        expect(await stage.statusOf(order)).toBe('reserved');
        expect(await stage.rows('SELECT FROM dead_letters')).toEqual([]);
      },
    };
  },

  'discarding of a dead letter': async (stage) => {
    const sale = await stage.openSale();
    const bad = await unwritableOrder(stage, sale);
    await bury(stage, sale, bad, 5);
    const discard = (process: MortalProcess): Promise<void> => process.get(ResolveDeadLetter).discard(bad.id, 'admin');
    return {
      sale,
      reasons: ['discarded'],
      run: discard,
      repeat: (process) => unlessGone(discard(process)),
      verify: async () => {
        expect(await stage.ordersOf(sale, bad.buyerId)).toMatchObject([{ status: 'rejected', reason: 'discarded' }]);
        expect(await stage.rows('SELECT FROM dead_letters')).toEqual([]);
      },
    };
  },

  'discarding of a dead letter whose order is lost': async (stage) => {
    const sale = await stage.openSale();
    const lost = draftOf({ typeIds: sale.ticketTypes.map(({ id }) => id) });
    await bury(stage, sale, lost, 5);
    const discard = (process: MortalProcess): Promise<void> => process.get(ResolveDeadLetter).discard(lost.id, 'admin');
    return {
      sale,
      run: discard,
      repeat: (process) => unlessGone(discard(process)),
      verify: async () => {
        expect(await stage.rows('SELECT FROM dead_letters')).toEqual([]);
      },
    };
  },
};

function ids(orders: readonly { readonly id: string }[]): string[] {
  return orders.map(({ id }) => id);
}

function write(process: MortalProcess, sale: Sale, orders: readonly { readonly id: string }[]): Promise<void> {
  return process.get(OrderBatches).write(sale.id, ids(orders));
}

/** Redis forgot a key, and later remembers the first order again: an older image of it does that. */
async function duplicateOrder(stage: Stage, sale: Sale, buyerId: string): Promise<Order> {
  const key = stage.saleKey(sale, 'idem');
  const field = idempotencyField(buyerId, 'k');
  await stage.written(sale, buyerId, { key: 'k' });
  const first = await stage.redis.hget(key, field);
  await stage.redis.hdel(key, field);
  const order = await stage.accepted(sale, buyerId, { key: 'k' });
  await stage.redis.hset(key, field, first ?? '');
  return order;
}

async function orderOverLimit(stage: Stage, sale: Sale, buyerId: string): Promise<Order> {
  const key = stage.saleKey(sale, 'buyers');
  await stage.written(sale, buyerId, { quantities: [4] });
  await stage.redis.hincrby(key, buyerId, -1);
  const order = await stage.accepted(sale, buyerId);
  await stage.redis.hincrby(key, buyerId, 1);
  return order;
}

async function orderOverCapacity(stage: Stage, sale: Sale, buyerId: string): Promise<Order> {
  const [, type] = sale.ticketTypes;
  const key = stage.saleKey(sale, 'stock');
  await stage.written(sale, 'another', { quantities: [0, 1] });
  await stage.redis.hincrby(key, type?.id ?? '', 1);
  const order = await stage.accepted(sale, buyerId, { quantities: [0, 1] });
  await stage.redis.hincrby(key, type?.id ?? '', -1);
  return order;
}

/** No text that Postgres knows can hold U+0000. */
async function unwritableOrder(stage: Stage, sale: Sale): Promise<QueuedOrder> {
  const order = draftOf({ typeIds: sale.ticketTypes.map(({ id }) => id) }, { answers: { note: '\u0000' } });
  await stage.get(StockStore).reserve(sale.id, order);
  return order;
}

async function bury(stage: Stage, sale: Sale, order: { readonly id: string }, attempts: number): Promise<void> {
  await stage.rows('INSERT INTO dead_letters (id, sale_id, payload, error, attempts) VALUES ($1, $2, $3, $3, $4)', [
    order.id,
    sale.id,
    'as it was',
    attempts,
  ]);
}

async function unlessGone(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof DomainError && error.code === 'not_found')) throw error;
  });
}
