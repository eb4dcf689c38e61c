import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { StockStore, type QueuedOrder } from '../../src/inventory/index.js';
import { OrderBatches } from '../../src/orders/index.js';
import { Queues } from '../../src/queue/index.js';
import { ReloadSale } from '../../src/sales/index.js';
import { admin, buyer, type Answer, type ApiClient } from '../support/api-client.js';
import {
  expectStatus,
  inventoryOf,
  openSale,
  purchase,
  reconcile,
  times,
  writtenOrder,
  type GivenSale,
} from '../support/given.js';
import { assertInvariants, Journal } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

jest.setTimeout(60_000); // whole crowds, on a machine that may be busy

// Workers come later, and a reconciler does not at all: each test does by hand what they do.
let system: System;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 0, reconcilers: 0 });
});
afterAll(() => system.stop());

function node(i: number): ApiClient {
  return system.apis[i % system.apis.length] ?? system.api;
}

/** The same part of each API node: two processes in all but name. */
function partOfEach<T>(part: abstract new (...args: never[]) => T): T[] {
  return system.nodes.slice(0, 2).map((app) => app.get<T>(part));
}

async function acceptedIds(sale: GivenSale, journal: Journal, buyers: number): Promise<string[]> {
  const answers = await Promise.all(times(buyers, (i) => purchase(node(i), sale, `buyer-${i}`, { key: 'k' })));
  return answers.map((answer) => {
    journal.note(expectStatus(202, answer).body);
    return answer.body.id;
  });
}

function outboxSize(sale: GivenSale): Promise<number> {
  return system.redis.zcard(`sluice:{${sale.id}}:queued-at`);
}

describe('jobs', () => {
  test('when a job is delivered six times at once, then each order is written once', async () => {
    const sale = await openSale(system.api, { capacities: [80] });
    const journal = new Journal();
    const ids = await acceptedIds(sale, journal, 60);
    const overlapping = [ids, ids.slice(0, 40), ids.slice(20).reverse()];
    const writers = partOfEach(OrderBatches);
    await Promise.all(writers.flatMap((batches) => overlapping.map((part) => batches.write(sale.id, part))));
    expect(await outboxSize(sale)).toBe(0);
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 20, queued: 0, reserved: 60 }]);
    await assertInvariants(system, sale, { journal });
  });

  test('when a job comes again after its orders went on, then they stay as they are', async () => {
    const sale = await openSale(system.api, { capacities: [10] });
    const journal = new Journal();
    const ids = await acceptedIds(sale, journal, 3);
    const [first, second] = partOfEach(OrderBatches);
    await first?.write(sale.id, ids);
    const step = async (i: number, name: string): Promise<Answer> =>
      expectStatus(200, await node(i).post(`${sale.orders}/${ids[i]}/${name}`, buyer(`buyer-${i}`)));
    await step(0, 'confirm');
    await step(1, 'cancel');
    await Promise.all([first?.write(sale.id, ids), second?.write(sale.id, ids)]);
    const { rows } = await system.sql.query<{ status: string }>(
      'SELECT status FROM orders WHERE sale_id = $1 ORDER BY id',
      [sale.id],
    );
    expect(rows.map(({ status }) => status).sort()).toEqual(['cancelled', 'confirmed', 'reserved']);
    await assertInvariants(system, sale, { journal });
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 8, reserved: 1, confirmed: 1 }]);
  });

  test('when a job names orders that do not exist, then the others are written', async () => {
    const sale = await openSale(system.api, { capacities: [10] });
    const journal = new Journal();
    const ids = await acceptedIds(sale, journal, 3);
    await partOfEach(OrderBatches)[0]?.write(sale.id, [newId(), ...ids, newId()]);
    await assertInvariants(system, sale, { journal });
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ reserved: 3 }]);
  });

  test('when two workers find every job in the queue several times, then each order is written once', async () => {
    const sale = await openSale(system.api, { capacities: [100] });
    const journal = new Journal();
    const ids = await acceptedIds(sale, journal, 100);
    const jobs = times(4, (i) => ({ saleId: sale.id, orderIds: i % 2 === 0 ? ids : ids.slice(30, 70) }));
    await Promise.all(partOfEach(Queues).map((queues) => queues.addOrders(jobs)));
    await Promise.all([system.startNode('worker'), system.startNode('worker')]);
    await assertInvariants(system, sale, { journal });
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 0, reserved: 100 }]);
  });
});

describe('reconciliations and reloads', () => {
  /** Buyers who come back with their key until they are told something else than to wait. */
  async function buyThroughReloads(sale: GivenSale, journal: Journal, size: number): Promise<Answer[]> {
    return Promise.all(
      times(size, async (i) => {
        for (let attempt = i; ; attempt++) {
          const answer = await purchase(node(attempt), sale, `buyer-${i}`, { key: 'k' });
          if (answer.status === 202) journal.note({ id: answer.body.id, status: 'queued' });
          if (answer.status !== 503) return answer;
          expect(answer).toMatchObject({ body: { code: 'recovering' }, headers: { 'retry-after': '1' } });
          await node(attempt).get(sale.orders, buyer(`buyer-${i}`));
        }
      }),
    );
  }

  test('when both nodes reconcile ten times at once while 200 buyers buy, then nothing is moved', async () => {
    const sale = await openSale(system.api, { capacities: [150] });
    const journal = new Journal();
    const [answers, reconciliations] = await Promise.all([
      buyThroughReloads(sale, journal, 200),
      Promise.all(times(20, (i) => reconcile(node(i)))),
    ]);
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(150);
    expect(answers.filter(({ body }) => body.code === 'sold_out')).toHaveLength(50);
    for (const { expired, returned, reloaded } of reconciliations) {
      expect({ expired, returned, reloaded }).toEqual({ expired: 0, returned: 0, reloaded: 0 });
    }
    await assertInvariants(system, sale, { journal });
  });

  test('when many reconciliations deliver the same returns at once, then each comes back once', async () => {
    const sale = await openSale(system.api, { capacities: [100] });
    await Promise.all(times(100, (i) => writtenOrder(node(i), sale, `buyer-${i}`)));
    await system.sql.query(`UPDATE orders SET hold_expires_at = clock_timestamp() WHERE sale_id = $1`, [sale.id]);
    const [reconciliations] = await Promise.all([
      Promise.all(times(10, (i) => reconcile(node(i)))),
      // two of them buy again meanwhile
      until(async () => (await purchase(system.api, sale, 'late-1')).status === 202),
      until(async () => (await purchase(node(1), sale, 'late-2')).status === 202),
    ]);
    expect(reconciliations.reduce((sum, { expired }) => sum + expired, 0)).toBe(100);
    await assertInvariants(system, sale);
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 98, reserved: 2 }]);
  });

  const breakages: Record<string, (sale: GivenSale) => Promise<unknown>> = {
    'a fence that a crash left': ({ id }) => system.redis.hset(`sluice:{${id}}:sale`, 'fence', newId()),
    'an epoch ahead of that of Postgres': ({ id }) => system.redis.hincrby(`sluice:{${id}}:sale`, 'epoch', 1),
    'lost idempotency keys': ({ id }) => system.redis.del(`sluice:{${id}}:idem`),
    'lost counts of buyers': ({ id }) => system.redis.del(`sluice:{${id}}:buyers`),
    'a lost stock': ({ id }) => system.redis.del(`sluice:{${id}}:stock`),
    'a lost sale': ({ id }) => system.redis.del(`sluice:{${id}}:sale`),
    'stock that went astray': ({ id, types }) => system.redis.hincrby(`sluice:{${id}}:stock`, types[0] ?? '', -3),
  };

  test.each(Object.entries(breakages))(
    'when both nodes mend %s at once, then one reloads and nothing is taken twice',
    async (_, breakSale) => {
      const sale = await openSale(system.api, { capacities: [60] });
      const journal = new Journal();
      const ids = await acceptedIds(sale, journal, 10);
      await until(async () => (await outboxSize(sale)) === 0);
      await breakSale(sale);
      const mended = await Promise.all(partOfEach(ReloadSale).flatMap((r) => times(3, () => r.mend(sale.id))));
      expect(mended.filter(Boolean)).toHaveLength(1);

      const [answers] = await Promise.all([
        buyThroughReloads(sale, journal, 60),
        ...times(4, (i) => reconcile(node(i))),
        ...partOfEach(ReloadSale).map((reload) => reload.mend(sale.id)),
      ]);
      // ten of them had their order before, by the same key
      expect(answers.map(({ status }) => status)).toEqual(times(60, () => 202));
      expect(answers.slice(0, 10).map(({ body }) => body.id)).toEqual(ids);
      await assertInvariants(system, sale, { journal });
      expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 0, reserved: 60 }]);
    },
  );

  test('when a sale breaks and is mended again and again while 200 buyers buy, then nothing is lost', async () => {
    const sale = await openSale(system.api, { capacities: [200] });
    const journal = new Journal();
    let buying = true;
    const menders = partOfEach(ReloadSale);
    let reloads = 0;
    const breaking = async (): Promise<void> => {
      while (buying) {
        await system.redis.hset(`sluice:{${sale.id}}:sale`, 'fence', newId());
        const results = await Promise.all([...menders.map((reload) => reload.mend(sale.id)), reconcile(node(reloads))]);
        reloads += results.filter((result) => result === true).length;
      }
    };
    const [answers] = await Promise.all([
      buyThroughReloads(sale, journal, 200).finally(() => (buying = false)),
      breaking(),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(times(200, () => 202));
    expect(reloads).toBeGreaterThan(0);
    await assertInvariants(system, sale, { journal });
  });
});

describe('commands to Redis', () => {
  function orderOf(sale: GivenSale): QueuedOrder {
    const [ticketTypeId = ''] = sale.types;
    return {
      id: newId(),
      buyerId: 'b',
      items: [{ ticketTypeId, quantity: 2, unitPriceMinor: 1000 }],
      totalMinor: 2000,
      currency: 'EUR',
      answers: {},
      idempotency: 'f'.repeat(22),
      bodyHash: 'h'.repeat(22),
    };
  }

  test('when one order is sent to Redis twice, then it takes once and both are told the same', async () => {
    const sale = await openSale(system.api, { capacities: [10] });
    const order = orderOf(sale);
    const [first, second] = partOfEach(StockStore);
    const outcomes = await Promise.all([
      first?.reserve(sale.id, order),
      first?.reserve(sale.id, order),
      second?.reserve(sale.id, order),
    ]);
    expect(outcomes[0]).toMatchObject({ kind: 'reserved' });
    expect(outcomes[1]).toEqual(outcomes[0]);
    expect(outcomes[2]).toEqual(outcomes[0]);
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 8, queued: 2, drift: 0 }]);
    await partOfEach(OrderBatches)[1]?.write(sale.id, [order.id]);
    // after it left the outbox its key is what makes it known
    expect(await second?.reserve(sale.id, order)).toEqual({ kind: 'replayed', orderId: order.id });
    await assertInvariants(system, sale);
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 8, reserved: 2 }]);
  });

  test('when a settle or a release comes twice, then stock comes back once', async () => {
    const sale = await openSale(system.api, { capacities: [10] });
    const order = await writtenOrder(system.api, sale, 'b', { quantities: [2] });
    const settled = await Promise.all(
      partOfEach(StockStore).map((stock) => stock.settle(sale.id, [{ id: order.id, status: 'reserved' }])),
    );
    expect(settled).toEqual([0, 0]);
    expectStatus(200, await system.api.post(`${order.path}/cancel`, buyer('b')));
    const { body } = expectStatus(200, await node(1).post(`${order.path}/cancel`, buyer('b')));
    expect(body.status).toBe('cancelled');
    await assertInvariants(system, sale);
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 10, reserved: 0 }]);
  });

  test('when Redis cuts every connection while 200 buyers buy, then a retry with the key takes nothing twice', async () => {
    const sale = await openSale(system.api, { capacities: [200] });
    const journal = new Journal();
    const outcomes = { accepted: 0, unavailable: 0 };
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let i = next++; i < 200; i = next++) {
        for (let attempt = i; ; attempt++) {
          const { status, body, headers } = await purchase(node(attempt), sale, `buyer-${i}`, { key: 'k' });
          if (status === 202) {
            outcomes.accepted += 1;
            journal.note(body);
            break;
          }
          expect({ status, code: body.code }).toEqual({ status: 503, code: 'unavailable' });
          expect(headers['retry-after']).toBe('1');
          outcomes.unavailable += 1;
        }
      }
    };
    const cuts = async (): Promise<void> => {
      for (const accepted of [10, 50, 90, 130, 170]) {
        await until(() => outcomes.accepted >= accepted, { timeoutMs: 20_000, intervalMs: 1 });
        await system.redis.call('CLIENT', 'KILL', 'TYPE', 'normal');
      }
    };
    await Promise.all([...times(20, lane), cuts()]);
    expect(outcomes.accepted).toBe(200);
    expect(outcomes.unavailable).toBeGreaterThan(0);
    // jobs that were cut off are found by their orders
    await until(
      async () => {
        await system.api.post('/v1/admin/reconciliations', admin);
        return (await outboxSize(sale)) === 0;
      },
      { timeoutMs: 20_000, intervalMs: 200 },
    );
    await assertInvariants(system, sale, { journal });
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 0, reserved: 200 }]);
  });
});
