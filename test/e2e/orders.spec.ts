import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { OrderBatches } from '../../src/orders/index.js';
import { admin, buyer, type Answer, type ApiClient } from '../support/api-client.js';
import {
  endHold,
  everyPage,
  expectStatus,
  inventoryOf,
  openSale,
  purchase,
  reconcile,
  times,
  writtenOrder,
  type GivenSale,
  type SaleOptions,
} from '../support/given.js';
import { assertInvariants, Journal } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const unknownId = '01900000-0000-7000-8000-000000000000';

// The worker comes later: until then every order stays queued.
let system: System;
let api: ApiClient;
let other: ApiClient;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 0, reconcilers: 0 });
  api = system.api;
  other = system.apis[1] ?? system.api;
});
afterAll(() => system.stop());

function refusal(status: number, code: string): object {
  return expect.objectContaining({ status, body: expect.objectContaining({ status, code }) });
}

/** What a worker does with a job, on the other node than the one that is asked. */
async function write(sale: GivenSale, ids: readonly string[]): Promise<void> {
  await system.nodes[1]?.get(OrderBatches).write(sale.id, ids);
}

async function queuedOrder(sale: GivenSale, buyerId: string, quantities = [1]): Promise<{ id: string; path: string }> {
  const { id } = expectStatus(202, await purchase(api, sale, buyerId, { quantities, key: 'k' })).body;
  return { id, path: `${sale.orders}/${id}` };
}

async function idsOn(path: string, headers: Readonly<Record<string, string>>, limit = 200): Promise<string[]> {
  return (await everyPage(other, path, headers, limit)).flat().map(({ id }) => id);
}

describe('while an order is queued', () => {
  test('when it is accepted, then the answer says what was ordered and where to ask', async () => {
    const fields = [
      { name: 'email', type: 'email', required: true, label: 'E-mail' },
      { name: 'vip', type: 'boolean', required: false, label: 'VIP' },
    ];
    const sale = await openSale(api, { capacities: [10, 10, 10], buyerFields: fields });
    const answers = { email: 'a@b.example', vip: true };
    const answer = await purchase(api, sale, 'a', { quantities: [2, 0, 1], answers });
    expectStatus(202, answer);
    const order = answer.body;
    expect(answer.headers).toMatchObject({ location: `${sale.orders}/${order.id}`, 'retry-after': '1' });
    expect(answer.headers['idempotency-replayed']).toBeUndefined();
    expect(order).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      saleId: sale.id,
      buyerId: 'a',
      status: 'queued',
      items: [
        { ticketTypeId: sale.types[0], quantity: 2, unitPriceMinor: 1000 },
        { ticketTypeId: sale.types[2], quantity: 1, unitPriceMinor: 3000 },
      ],
      totalMinor: 5000,
      currency: 'EUR',
      answers,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updatedAt: order.createdAt,
    });
    expect(expectStatus(200, await other.get(`${sale.orders}/${order.id}`, buyer('a'))).body).toEqual(order);
    expect(expectStatus(200, await other.get(`${sale.admin}/orders/${order.id}`, admin)).body).toEqual(order);

    await write(sale, [order.id]);
    const written = expectStatus(200, await api.get(`${sale.orders}/${order.id}`, buyer('a'))).body;
    const { updatedAt, holdExpiresAt, ...rest } = written;
    expect({ ...rest, status: 'queued', updatedAt: order.createdAt }).toEqual(order);
    expect(Date.parse(holdExpiresAt) - Date.parse(updatedAt)).toBe(600_000);
    await assertInvariants(system, sale);
  });

  test('when the sale asks nothing or the fields are not required, then answers may be left out', async () => {
    const optional = [{ name: 'note', type: 'text', required: false, label: 'Note' }];
    for (const buyerFields of [[], optional]) {
      const sale = await openSale(api, { buyerFields });
      expect(await purchase(api, sale, 'a')).toMatchObject({ status: 202, body: { answers: {} } });
      expect(await purchase(api, sale, 'b', { answers: {} })).toMatchObject({ status: 202, body: { answers: {} } });
    }
    const required = await openSale(api, { buyerFields: [{ ...optional[0], required: true }] });
    const refused = await purchase(api, required, 'a');
    expect(refused).toEqual(refusal(400, 'validation_failed'));
    expect(refused.body.errors).toMatchObject([{ path: 'answers.note' }]);
  });

  test('when it is in the outbox alone, then every list and figure has it', async () => {
    const sale = await openSale(api, { capacities: [10, 10] });
    const [mine, others] = [await queuedOrder(sale, 'mine', [2, 1]), await queuedOrder(sale, 'other')];
    expect(await idsOn(sale.orders, buyer('mine'))).toEqual([mine.id]);
    expect(await idsOn(sale.orders, buyer('nobody'))).toEqual([]);
    const all = `${sale.admin}/orders`;
    expect(await idsOn(all, admin)).toEqual([others.id, mine.id]);
    expect(await idsOn(`${all}?status=queued`, admin)).toEqual([others.id, mine.id]);
    expect(await idsOn(`${all}?status=queued&buyerId=mine`, admin)).toEqual([mine.id]);
    expect(await idsOn(`${all}?buyerId=other`, admin)).toEqual([others.id]);
    expect(await idsOn(`${all}?status=reserved`, admin)).toEqual([]);
    expect(await inventoryOf(other, sale)).toMatchObject([
      { capacity: 10, available: 7, queued: 3, reserved: 0, confirmed: 0, drift: 0 },
      { capacity: 10, available: 9, queued: 1, reserved: 0, confirmed: 0, drift: 0 },
    ]);
    const seen = expectStatus(200, await other.get(`/v1/sales/${sale.id}`)).body;
    expect(seen.ticketTypes).toMatchObject([
      { available: 7, held: 0 },
      { available: 9, held: 0 },
    ]);

    await write(sale, [mine.id]);
    expect(await idsOn(`${all}?status=queued`, admin)).toEqual([others.id]);
    expect(await idsOn(`${all}?status=reserved`, admin)).toEqual([mine.id]);
    expect(await idsOn(all, admin)).toEqual([others.id, mine.id]);
    expect(await inventoryOf(api, sale)).toMatchObject([
      { available: 7, queued: 1, reserved: 2, drift: 0 },
      { available: 9, queued: 0, reserved: 1, drift: 0 },
    ]);
  });

  test('when it is claimed or given up, then it is not ready', async () => {
    const sale = await openSale(api);
    const order = await queuedOrder(sale, 'a');
    for (const path of [`${order.path}/confirm`, `${order.path}/cancel`]) {
      const answer = await other.post(path, buyer('a'));
      expect(answer).toEqual(refusal(409, 'order_not_ready'));
      expect(answer.headers['retry-after']).toBe('1');
    }
    expect(await api.post(`${sale.admin}/orders/${order.id}/cancel`, admin)).toEqual(refusal(409, 'order_not_ready'));
    expect(expectStatus(200, await api.get(order.path, buyer('a'))).body.status).toBe('queued');
  });

  test('when a buyer waits in vain, then the answer comes when the time is up, and says queued', async () => {
    const sale = await openSale(api);
    const order = await queuedOrder(sale, 'a');
    const startedAt = performance.now();
    const answer = expectStatus(200, await api.get(`${order.path}?wait=1`, buyer('a')));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(990);
    expect(answer.body.status).toBe('queued');
    expect(expectStatus(200, await api.get(`${order.path}?wait=0`, buyer('a'))).body.status).toBe('queued');
  });

  test('when 100 buyers wait on both nodes, then all are woken as soon as their orders are written', async () => {
    const sale = await openSale(api, { capacities: [100] });
    const orders = await Promise.all(times(50, (i) => queuedOrder(sale, `buyer-${i}`)));
    const waiting = orders.flatMap(({ path }, i) => [
      api.get(`${path}?wait=30`, buyer(`buyer-${i}`)),
      other.get(`${path}?wait=30`, buyer(`buyer-${i}`)),
    ]);
    let answered = 0;
    for (const answer of waiting) void answer.then(() => (answered += 1));
    // both nodes hold all of them by now: the last to come is the last to be read
    await Promise.all([api, other].map((node) => node.get(`${orders[49]?.path ?? ''}?wait=1`, buyer('buyer-49'))));
    expect(answered).toBe(0);
    const startedAt = performance.now();
    await write(
      sale,
      orders.map(({ id }) => id),
    );
    const answers = await Promise.all(waiting);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(answers.map(({ body }) => body.status)).toEqual(times(100, () => 'reserved'));
    // and does not wait where there is nothing to wait for
    expectStatus(200, await api.get(`${orders[0]?.path ?? ''}?wait=30`, buyer('buyer-0')));
    expect(performance.now() - startedAt).toBeLessThan(6000);
    await assertInvariants(system, sale);
  });

  test('when lists of queued and written orders are read in pages, then each order comes once', async () => {
    const sale = await openSale(api, { capacities: [40], maxPerBuyer: 20 });
    const orders: { id: string }[] = [];
    for (let i = 0; i < 11; i++) {
      const answer = await purchase(api, sale, i % 3 === 0 ? 'often' : `buyer-${i}`, { key: `k${i}` });
      orders.push(expectStatus(202, answer).body);
    }
    const newestFirst = orders.map(({ id }) => id).reverse();
    await write(
      sale,
      newestFirst.filter((_, i) => i % 2 === 0),
    );
    const queued = newestFirst.filter((_, i) => i % 2 === 1);
    const often = orders
      .filter((_, i) => i % 3 === 0)
      .map(({ id }) => id)
      .reverse();
    for (const limit of [1, 2, 3, 11, 50]) {
      expect(await idsOn(`${sale.admin}/orders`, admin, limit)).toEqual(newestFirst);
      expect(await idsOn(`${sale.admin}/orders?status=queued`, admin, limit)).toEqual(queued);
      expect(await idsOn(`${sale.admin}/orders?buyerId=often`, admin, limit)).toEqual(often);
      expect(await idsOn(sale.orders, buyer('often'), limit)).toEqual(often);
      const pages = await everyPage(api, `${sale.admin}/orders?status=reserved`, admin, limit);
      expect(pages.flat().map(({ id }) => id)).toEqual(newestFirst.filter((id) => !queued.includes(id)));
      expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
    }
    await write(sale, queued);
    await assertInvariants(system, sale, { maxPerBuyer: 20 });
  });

  test('when Redis offered too much, then Postgres refuses the last, and all adds up again', async () => {
    const sale = await openSale(api, { capacities: [2] });
    await system.redis.hincrby(`sluice:{${sale.id}}:stock`, sale.types[0] ?? '', 1);
    const orders = [await queuedOrder(sale, 'a'), await queuedOrder(sale, 'b'), await queuedOrder(sale, 'late')];
    await write(
      sale,
      orders.map(({ id }) => id),
    );
    const late = orders[2] ?? { id: '', path: '' };
    const rejected = { status: 'rejected', reason: 'sold_out', id: late.id };
    expect(expectStatus(200, await api.get(`${late.path}?wait=30`, buyer('late'))).body).toMatchObject(rejected);
    expect(await purchase(other, sale, 'late', { key: 'k' })).toMatchObject({
      status: 202,
      headers: { 'idempotency-replayed': 'true' },
      body: rejected,
    });
    for (const step of ['confirm', 'cancel']) {
      expect(await other.post(`${late.path}/${step}`, buyer('late'))).toEqual(refusal(409, 'order_rejected'));
    }
    expect(await api.post(`${sale.admin}/orders/${late.id}/cancel`, admin)).toEqual(refusal(409, 'order_rejected'));
    expect(await idsOn(`${sale.admin}/orders?status=rejected`, admin)).toEqual([late.id]);
    await reconcile(api);
    await assertInvariants(system, sale, { intact: false });
    expect(await inventoryOf(api, sale)).toMatchObject([{ available: 0, reserved: 2 }]);
  });
});

describe('once there is a worker', () => {
  test('when sales closed, paused and changed their limit in between, then it still writes what was queued', async () => {
    const sales = await Promise.all(times(3, () => openSale(api, { capacities: [20] })));
    const journals = sales.map(() => new Journal());
    for (const [i, sale] of sales.entries()) {
      const answers = await Promise.all(times(5, (b) => purchase(api, sale, `buyer-${b}`, { quantities: [4] })));
      for (const answer of answers) journals[i]?.note(expectStatus(202, answer).body);
    }
    const [closed, paused, limited] = sales as [GivenSale, GivenSale, GivenSale];
    expectStatus(200, await api.post(`${closed.admin}/close`, admin));
    expectStatus(200, await api.post(`${paused.admin}/pause`, admin));
    expectStatus(200, await api.patch(limited.admin, { maxPerBuyer: 1 }));
    await system.startNode('worker');
    for (const [i, sale] of sales.entries()) {
      const journal = journals[i] ?? new Journal();
      await assertInvariants(system, sale, { journal });
      expect(await inventoryOf(api, sale)).toMatchObject([{ available: 0, queued: 0, reserved: 20 }]);
    }
  });

  test('when 100 buyers buy and wait, then each has his answer long before the time is up', async () => {
    const sale = await openSale(api, { capacities: [100] });
    const startedAt = performance.now();
    const orders = await Promise.all(times(100, (i) => writtenOrder(i % 2 === 0 ? api : other, sale, `buyer-${i}`)));
    expect(orders.map(({ status }) => status)).toEqual(times(100, () => 'reserved'));
    expect(performance.now() - startedAt).toBeLessThan(9000);
    await assertInvariants(system, sale);
  });

  test('when an order is somebody else’s or another sale’s, then it does not exist', async () => {
    const [sale, elsewhere] = await Promise.all([openSale(api), openSale(api)]);
    const order = await writtenOrder(api, sale, 'owner');
    const wrong: [string, string][] = [
      [order.path, 'thief'],
      [`${elsewhere.orders}/${order.id}`, 'owner'],
      [`${sale.orders}/${unknownId}`, 'owner'],
      [`${sale.orders}/${order.id.toUpperCase()}`, 'owner'],
    ];
    for (const [path, who] of wrong) {
      expect(await api.get(path, buyer(who))).toEqual(refusal(404, 'not_found'));
      expect(await api.get(`${path}?wait=30`, buyer(who))).toEqual(refusal(404, 'not_found'));
      expect(await api.post(`${path}/confirm`, buyer(who))).toEqual(refusal(404, 'not_found'));
      expect(await api.post(`${path}/cancel`, buyer(who))).toEqual(refusal(404, 'not_found'));
    }
    for (const answer of [
      await api.get(`${elsewhere.admin}/orders/${order.id}`, admin),
      await api.post(`${elsewhere.admin}/orders/${order.id}/cancel`, admin),
      await api.post(`${sale.admin}/orders/${unknownId}/cancel`, admin),
    ]) {
      expect(answer).toEqual(refusal(404, 'not_found'));
    }
    expect(expectStatus(200, await api.get(order.path, buyer('owner'))).body.status).toBe('reserved');
    await assertInvariants(system, sale);
  });

  describe('what becomes of an order', () => {
    interface Asked {
      readonly confirm: Answer;
      readonly cancel: Answer;
      readonly byAdmin: Answer;
    }
    const post = (path: string, who?: string) => other.post(path, who === undefined ? admin : buyer(who));

    /** An order that a step or two took somewhere, then asked for what it no longer may become, or is already. */
    async function askAfter(
      reach: (order: { id: string; path: string }, sale: GivenSale) => Promise<unknown>,
    ): Promise<{
      sale: GivenSale;
      answers: Asked;
    }> {
      const sale = await openSale(api, { capacities: [4] });
      const order = await writtenOrder(api, sale, 'a', { quantities: [2] });
      await reach(order, sale);
      const [confirm, cancel] = [await post(`${order.path}/confirm`, 'a'), await post(`${order.path}/cancel`, 'a')];
      const byAdmin = await post(`${sale.admin}/orders/${order.id}/cancel`);
      await assertInvariants(system, sale);
      return { sale, answers: { confirm, cancel, byAdmin } };
    }

    test('when it is confirmed, then a confirm says so again, the buyer cannot cancel, an admin can', async () => {
      const { sale, answers } = await askAfter(async ({ path }) => {
        const { body } = expectStatus(200, await post(`${path}/confirm`, 'a'));
        expect(body.status).toBe('confirmed');
        expect(body.holdExpiresAt).toBeUndefined();
        // a hold that was claimed does not run out
        await endHold(system.sql, body.id);
        expect(await reconcile(api)).toMatchObject({ expired: 0 });
      });
      expect(answers.confirm).toMatchObject({ status: 200, body: { status: 'confirmed' } });
      expect(answers.cancel).toEqual(refusal(409, 'already_confirmed'));
      expect(answers.byAdmin).toMatchObject({ status: 200, body: { status: 'cancelled' } });
      expect(await inventoryOf(api, sale)).toMatchObject([{ available: 4, reserved: 0, confirmed: 0 }]);
    });

    test('when its buyer cancelled it, then a cancel says so again and a confirm is refused', async () => {
      const { sale, answers } = await askAfter(async ({ path }) => {
        const { body } = expectStatus(200, await post(`${path}/cancel`, 'a'));
        expect(body.status).toBe('cancelled');
      });
      expect(answers.confirm).toEqual(refusal(409, 'order_cancelled'));
      expect(answers.cancel).toMatchObject({ status: 200, body: { status: 'cancelled' } });
      expect(answers.byAdmin).toMatchObject({ status: 200, body: { status: 'cancelled' } });
      expect(await inventoryOf(api, sale)).toMatchObject([{ available: 4 }]);
    });

    test('when an admin cancelled it while it was reserved, then it is as if the buyer had', async () => {
      const { sale, answers } = await askAfter(async ({ id }, { admin: path }) => {
        const { body } = expectStatus(200, await post(`${path}/orders/${id}/cancel`));
        expect(body.status).toBe('cancelled');
      });
      expect(answers.confirm).toEqual(refusal(409, 'order_cancelled'));
      expect(answers.cancel).toMatchObject({ status: 200, body: { status: 'cancelled' } });
      expect(await inventoryOf(api, sale)).toMatchObject([{ available: 4 }]);
    });

    test('when its hold ran out and was ended, then it can neither be confirmed nor cancelled', async () => {
      const { sale, answers } = await askAfter(async ({ id, path }) => {
        await endHold(system.sql, id);
        expect(await reconcile(other)).toMatchObject({ expired: 1, returned: 1 });
        expect(expectStatus(200, await api.get(path, buyer('a'))).body.status).toBe('expired');
      });
      for (const answer of Object.values(answers)) expect(answer).toEqual(refusal(409, 'hold_expired'));
      expect(await inventoryOf(api, sale)).toMatchObject([{ available: 4 }]);
    });

    test('when its hold ran out and nobody has ended it yet, then it has expired all the same', async () => {
      const { sale, answers } = await askAfter(({ id }) => endHold(system.sql, id));
      for (const answer of Object.values(answers)) expect(answer).toEqual(refusal(409, 'hold_expired'));
      expect(await inventoryOf(api, sale)).toMatchObject([{ available: 4 }]);
    });

    test('when its hold ran out and the buyer cancels first, then it has expired', async () => {
      const sale = await openSale(api);
      const order = await writtenOrder(api, sale, 'a');
      await endHold(system.sql, order.id);
      expect(await post(`${order.path}/cancel`, 'a')).toEqual(refusal(409, 'hold_expired'));
      expect(expectStatus(200, await api.get(order.path, buyer('a'))).body.status).toBe('expired');
      await assertInvariants(system, sale);
    });

    test('when the sale wants a payment, then a confirm is refused and a cancel is not', async () => {
      const sale = await openSale(api, { payment: 'webhook' });
      const order = await writtenOrder(api, sale, 'a');
      expect(await post(`${order.path}/confirm`, 'a')).toEqual(refusal(403, 'payment_required'));
      expect(await post(`${order.path}/confirm`, 'thief')).toEqual(refusal(404, 'not_found'));
      expect(await post(`${order.path}/cancel`, 'a')).toMatchObject({ status: 200, body: { status: 'cancelled' } });
      await assertInvariants(system, sale);
    });

    test.each(['pause', 'close'])(
      'when the sale made a %s, then orders are confirmed and cancelled as ever',
      async (step) => {
        const sale = await openSale(api);
        const [first, second] = [await writtenOrder(api, sale, 'a'), await writtenOrder(api, sale, 'b')];
        expectStatus(200, await api.post(`${sale.admin}/${step}`, admin));
        expectStatus(200, await post(`${first.path}/confirm`, 'a'));
        expectStatus(200, await post(`${second.path}/cancel`, 'b'));
        await assertInvariants(system, sale);
      },
    );
  });

  describe('stock that comes back', () => {
    const small: SaleOptions = { capacities: [1], maxPerBuyer: 1, maxPerOrder: 1 };

    test('when an order is cancelled, then its stock and its share of the limit are back with the answer', async () => {
      const sale = await openSale(api, small);
      const path = `${sale.admin}/orders`;
      let order = await writtenOrder(api, sale, 'a');
      expect(await purchase(api, sale, 'b')).toEqual(refusal(409, 'sold_out'));
      for (let i = 0; i < 10; i++) {
        const [first, second] = i % 2 === 0 ? [api, other] : [other, api];
        if (i % 3 === 0) expectStatus(200, await first.post(`${path}/${order.id}/cancel`, admin));
        else expectStatus(200, await first.post(`${order.path}/cancel`, buyer('a')));
        order = await writtenOrder(second, sale, 'a');
        expect(order.status).toBe('reserved');
      }
      await assertInvariants(system, sale, { maxPerBuyer: 1 });
    });

    test('when a hold runs out, then a second buyer gets its stock', async () => {
      const sale = await openSale(api, { ...small, holdSeconds: 1 });
      const order = await writtenOrder(api, sale, 'a', { key: 'k' });
      const held = expectStatus(200, await api.get(order.path, buyer('a'))).body;
      expect(Date.parse(held.holdExpiresAt) - Date.parse(held.updatedAt)).toBe(1000);
      expect(await purchase(other, sale, 'b')).toEqual(refusal(409, 'sold_out'));
      await system.startNode('reconciler');
      const second = await until(
        async () => {
          const answer = await purchase(other, sale, 'b');
          return answer.status === 202 && answer;
        },
        { timeoutMs: 10_000 },
      );
      expect(Date.parse(second.body.createdAt)).toBeGreaterThanOrEqual(Date.parse(held.holdExpiresAt));
      expect(expectStatus(200, await api.get(order.path, buyer('a'))).body.status).toBe('expired');
      const path = `${sale.orders}/${second.body.id}`;
      expectStatus(200, await other.get(`${path}?wait=10`, buyer('b')));
      expectStatus(200, await other.post(`${path}/confirm`, buyer('b')));
      await assertInvariants(system, sale, { maxPerBuyer: 1 });
      expect(await inventoryOf(api, sale)).toMatchObject([{ available: 0, confirmed: 1 }]);
    });
  });

  test('when a buyer polls both nodes all the time, then no status of his order runs backwards', async () => {
    const sale = await openSale(api, { capacities: [30] });
    const journal = new Journal();
    const steps = ['confirm', 'cancel', undefined] as const;
    await Promise.all(
      times(30, async (i) => {
        const who = buyer(`buyer-${i}`);
        const { body } = expectStatus(202, await purchase(api, sale, `buyer-${i}`));
        journal.note(body);
        const path = `${sale.orders}/${body.id}`;
        const step = steps[i % steps.length];
        let going = true;
        const poll = async (): Promise<void> => {
          for (let n = i; going; n++) {
            journal.note(expectStatus(200, await (n % 2 === 0 ? api : other).get(path, who)).body);
          }
        };
        const act = async (): Promise<void> => {
          expectStatus(200, await other.get(`${path}?wait=20`, who));
          if (step !== undefined) expectStatus(200, await api.post(`${path}/${step}`, who));
          else expectStatus(200, await other.post(`${sale.admin}/orders/${body.id}/cancel`, admin));
        };
        await Promise.all([poll(), act().finally(() => (going = false))]);
        journal.note(expectStatus(200, await other.get(path, who)).body);
      }),
    );
    await assertInvariants(system, sale, { journal });
    expect(await inventoryOf(api, sale)).toMatchObject([{ available: 20, confirmed: 10 }]);
  });
});
