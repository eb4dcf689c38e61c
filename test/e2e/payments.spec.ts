import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { admin, buyer, viewerKey, type Body } from '../support/api-client.js';
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
} from '../support/given.js';
import { assertInvariants, Journal } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';
import { pay, signed, webhookPath, webhookSecret } from '../support/webhook.js';

const rounds = 100;
jest.setTimeout(120_000); // 100 rounds, on a machine that may be busy

let system: System;
beforeAll(async () => {
  system = await startSystem({ apis: 2, env: { PAYMENT_WEBHOOK_SECRET: webhookSecret } });
});
afterAll(() => system.stop());

function other(i: number): System['api'] {
  return system.apis[i % 2] ?? system.api; // a test starts a third one, without the secret
}

function paidSale(options: Parameters<typeof openSale>[1] = {}): Promise<GivenSale> {
  return openSale(system.api, { payment: 'webhook', ...options });
}

interface Bought {
  readonly id: string;
  readonly path: string;
}

async function statusOf({ path }: Bought, who: string): Promise<string> {
  return expectStatus(200, await system.api.get(path, buyer(who))).body.status;
}

function payFor(sale: GivenSale, order: Bought, paymentReference: string, type?: 'payment.failed'): Promise<number> {
  const event = { saleId: sale.id, orderId: order.id, paymentReference, ...(type === undefined ? {} : { type }) };
  return pay(system.api, event).then(({ status }) => status);
}

async function expired(sale: GivenSale, who: string, options = {}): Promise<Bought> {
  const order = await writtenOrder(system.api, sale, who, options);
  expect(order.status).toBe('reserved');
  await endHold(system.sql, order.id);
  await reconcile(system.api);
  expect(await statusOf(order, who)).toBe('expired');
  return order;
}

async function refundsOf(sale: GivenSale): Promise<Body['data']> {
  const pages = await everyPage(system.api, '/v1/admin/refunds', admin, 200);
  return pages.flat().filter(({ saleId }) => saleId === sale.id);
}

async function auditOf(sale: GivenSale): Promise<{ action: string; details: object }[]> {
  const sql = 'SELECT action, details FROM audit_log WHERE sale_id = $1 ORDER BY id';
  return (await system.sql.query<{ action: string; details: object }>(sql, [sale.id])).rows;
}

describe('a payment in time', () => {
  test('when a payment succeeds, then its order is confirmed, which the buyer could not do himself', async () => {
    const sale = await paidSale();
    const order = await writtenOrder(system.api, sale, 'ann');
    const own = await system.api.post(`${order.path}/confirm`, buyer('ann'));
    expect(own).toMatchObject({ status: 403, body: { code: 'payment_required' } });

    expect(await payFor(sale, order, 'pi_1')).toBe(204);
    expect(await statusOf(order, 'ann')).toBe('confirmed');
    expect(await payFor(sale, order, 'pi_1')).toBe(204); // a repeat
    expect(await refundsOf(sale)).toEqual([]);
    await assertInvariants(system, sale);
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 9, confirmed: 1, drift: 0 }]);
  });

  test('when the hold has run out but nobody has ended it, then the payment still confirms', async () => {
    const sale = await paidSale();
    const order = await writtenOrder(system.api, sale, 'ann');
    await system.sql.query('BEGIN');
    await endHold(system.sql, order.id, 0);
    await system.sql.query('COMMIT');
    expect(await payFor(sale, order, 'pi_1')).toBe(204);
    expect(await statusOf(order, 'ann')).toBe('confirmed');
    await assertInvariants(system, sale);
  });

  test('when a payment fails, then only the audit log knows, once', async () => {
    const sale = await paidSale();
    const order = await writtenOrder(system.api, sale, 'ann');
    expect(await payFor(sale, order, 'pi_1', 'payment.failed')).toBe(204);
    expect(await payFor(sale, order, 'pi_1', 'payment.failed')).toBe(204);
    expect(await statusOf(order, 'ann')).toBe('reserved');
    const failures = (await auditOf(sale)).filter(({ action }) => action === 'payment.failed');
    expect(failures).toEqual([{ action: 'payment.failed', details: { orderId: order.id, paymentReference: 'pi_1' } }]);
    expect(await refundsOf(sale)).toEqual([]);

    // the buyer tries again under the same name
    expect(await payFor(sale, order, 'pi_1')).toBe(204);
    expect(await statusOf(order, 'ann')).toBe('confirmed');
  });

  test('when the buyer confirmed an order of a sale without payment, then a payment for it is taken', async () => {
    const sale = await openSale(system.api);
    const order = await writtenOrder(system.api, sale, 'ann');
    expectStatus(200, await system.api.post(`${order.path}/confirm`, buyer('ann')));
    expect(await payFor(sale, order, 'pi_1')).toBe(204);
    expect(await refundsOf(sale)).toEqual([]);
  });
});

describe('what cannot be taken', () => {
  test('when the order is still queued, then the provider is asked to come again', async () => {
    const lone = await startSystem({ workers: 0, reconcilers: 0, env: { PAYMENT_WEBHOOK_SECRET: webhookSecret } });
    try {
      const sale = await openSale(lone.api, { payment: 'webhook' });
      const { id } = expectStatus(202, await purchase(lone.api, sale, 'ann')).body;
      for (const type of ['payment.succeeded', 'payment.failed'] as const) {
        const answer = await pay(lone.api, { saleId: sale.id, orderId: id, paymentReference: 'pi_1', type });
        expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' }, headers: { 'retry-after': '1' } });
      }
    } finally {
      await lone.stop();
    }
  });

  test('when there is no such order, then it is 404', async () => {
    const [sale, elsewhere] = [await paidSale(), await paidSale()];
    const order = await writtenOrder(system.api, sale, 'ann');
    expect(await payFor(sale, { ...order, id: sale.id }, 'pi_1')).toBe(404);
    expect(await payFor(elsewhere, order, 'pi_1')).toBe(404);
    expect(await statusOf(order, 'ann')).toBe('reserved');
  });

  test('when the signature is not good, then it is 401, whatever the body is', async () => {
    const sale = await paidSale();
    const order = await writtenOrder(system.api, sale, 'ann');
    const event = { type: 'payment.succeeded', saleId: sale.id, orderId: order.id, paymentReference: 'pi_1' };
    const raw = JSON.stringify(event);
    const now = Math.floor(Date.now() / 1000);
    const forgeries: [Readonly<Record<string, string>>, string][] = [
      [{ 'content-type': 'application/json' }, raw],
      [signed(raw, { secret: 'guess' }), raw],
      [signed(raw, { at: now - 301 }), raw],
      [signed(raw, { at: now + 302 }), raw],
      [signed(raw), `${raw} `],
      [signed(raw), raw.replace('pi_1', 'pi_2')],
      [signed(raw), '{'],
      [signed(raw), ''],
      [{ ...signed(raw), 'content-type': 'text/plain' }, `${raw} `],
      [{ ...admin, 'content-type': 'application/json' }, raw],
    ];
    for (const [headers, body] of forgeries) {
      const answer = await system.api.request('POST', webhookPath, { headers, raw: body });
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    }
    expect(await statusOf(order, 'ann')).toBe('reserved');
  });

  test.each([
    ['{', 'malformed_json'],
    ['', 'validation_failed'],
    ['[]', 'validation_failed'],
    ['{"type":"payment.succeeded"}', 'validation_failed'],
    ['{"type":"payment.refunded","saleId":"x","orderId":"x","paymentReference":""}', 'validation_failed'],
  ])('when %s is signed, then it is refused as %s', async (raw, code) => {
    const answer = await system.api.request('POST', webhookPath, { headers: signed(raw), raw });
    expect(answer).toMatchObject({ status: 400, body: { code } });
  });

  test('when there is no secret, then there is no webhook', async () => {
    const api = await system.startApi({ PAYMENT_WEBHOOK_SECRET: '' });
    const raw = '{}';
    const answer = await api.request('POST', webhookPath, { headers: signed(raw), raw });
    expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });
});

describe('what is owed back', () => {
  test('when an order cannot be confirmed by its payment, then it is listed, once, with the reason', async () => {
    const sale = await paidSale();
    const [paidTwice, cancelled, taken] = [
      await writtenOrder(system.api, sale, 'ann', { quantities: [2] }),
      await writtenOrder(system.api, sale, 'bob'),
      await writtenOrder(system.api, sale, 'cat'),
    ];
    expect(await payFor(sale, paidTwice, 'pi_1')).toBe(204);
    for (const _ of times(2, String)) expect(await payFor(sale, paidTwice, 'pi_2')).toBe(204);
    expectStatus(200, await system.api.post(`${cancelled.path}/cancel`, buyer('bob')));
    for (const _ of times(2, String)) expect(await payFor(sale, cancelled, 'pi_3')).toBe(204);
    // an order that was paid, and that an admin takes back
    expect(await payFor(sale, taken, 'pi_4')).toBe(204);
    expectStatus(200, await system.api.post(`${sale.admin}/orders/${taken.id}/cancel`, admin));
    expect(await payFor(sale, taken, 'pi_4')).toBe(204);

    const refunds = await refundsOf(sale);
    expect(refunds).toMatchObject([
      { orderId: taken.id, buyerId: 'cat', paymentReference: 'pi_4', reason: 'order_cancelled', amountMinor: 1000 },
      { orderId: cancelled.id, buyerId: 'bob', paymentReference: 'pi_3', reason: 'order_cancelled' },
      { orderId: paidTwice.id, buyerId: 'ann', paymentReference: 'pi_2', reason: 'already_paid', amountMinor: 2000 },
    ]);
    expect(refunds[0]?.currency).toBe('EUR');
    expect(await statusOf(paidTwice, 'ann')).toBe('confirmed');
    expect(await statusOf(taken, 'cat')).toBe('cancelled');
    await assertInvariants(system, sale);

    const pages = await everyPage(system.api, '/v1/admin/refunds', { authorization: `Bearer ${viewerKey}` }, 1);
    expect(pages.flat().filter(({ saleId }) => saleId === sale.id)).toEqual(refunds);
  });

  test('when a rejected order is paid, then the payment is listed', async () => {
    const sale = await paidSale();
    const order = await writtenOrder(system.api, sale, 'ann');
    // as a worker leaves an order that did not fit
    await system.sql.query(`UPDATE orders SET status = 'rejected', reason = 'sold_out' WHERE id = $1`, [order.id]);
    expect(await payFor(sale, order, 'pi_1')).toBe(204);
    expect(await refundsOf(sale)).toMatchObject([{ reason: 'order_rejected' }]);
  });
});

describe('a payment after the hold expired', () => {
  test('when the stock is there, then it is taken again and the order is confirmed', async () => {
    const sale = await paidSale({ capacities: [2, 3] });
    const order = await expired(sale, 'ann', { quantities: [2, 1] });
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 2 }, { available: 3 }]);
    expect(await payFor(sale, order, 'pi_1')).toBe(204);
    expect(await statusOf(order, 'ann')).toBe('confirmed');
    expect(await payFor(sale, order, 'pi_1')).toBe(204);
    expect(await inventoryOf(system.api, sale)).toMatchObject([
      { available: 0, confirmed: 2, drift: 0 },
      { available: 2, confirmed: 1, drift: 0 },
    ]);
    expect(await refundsOf(sale)).toEqual([]);
    expect((await auditOf(sale)).map(({ action }) => action)).toContain('order.paid-late');
    expect(await purchase(system.api, sale, 'bob')).toMatchObject({ status: 409, body: { code: 'sold_out' } });
    await assertInvariants(system, sale);

    // and it can be cancelled and come back like any other
    expectStatus(200, await system.api.post(`${sale.admin}/orders/${order.id}/cancel`, admin));
    expect(await refundsOf(sale)).toMatchObject([{ reason: 'order_cancelled' }]);
    await assertInvariants(system, sale);
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 2 }, { available: 3 }]);
  });

  test('when the sale is closed meanwhile, then the order is still confirmed', async () => {
    const sale = await paidSale();
    const order = await expired(sale, 'ann');
    expectStatus(200, await system.api.post(`${sale.admin}/close`, admin));
    expect(await payFor(sale, order, 'pi_1')).toBe(204);
    expect(await statusOf(order, 'ann')).toBe('confirmed');
    await assertInvariants(system, sale);
  });

  test('when one of its ticket types is gone, then nothing is taken and the payment is listed', async () => {
    const sale = await paidSale({ capacities: [2, 2] });
    const order = await expired(sale, 'ann', { quantities: [1, 1] });
    await writtenOrder(system.api, sale, 'bob', { quantities: [0, 2] });
    expect(await payFor(sale, order, 'pi_1')).toBe(204);
    expect(await statusOf(order, 'ann')).toBe('expired');
    expect(await refundsOf(sale)).toMatchObject([{ orderId: order.id, reason: 'sold_out' }]);
    await assertInvariants(system, sale);
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 2 }, { available: 0 }]);
  });

  test('when the buyer has bought again up to his limit, then the payment is listed', async () => {
    const sale = await paidSale({ maxPerBuyer: 2 });
    const order = await expired(sale, 'ann', { quantities: [2] });
    await writtenOrder(system.api, sale, 'ann');
    expect(await payFor(sale, order, 'pi_1')).toBe(204);
    expect(await refundsOf(sale)).toMatchObject([{ orderId: order.id, reason: 'limit_exceeded' }]);
    await assertInvariants(system, sale, { maxPerBuyer: 2 });
  });

  test('when the stock has not come back to Redis yet, then the payment takes back what is on no way to it', async () => {
    const sale = await paidSale({ capacities: [2] });
    const [order, later] = [await writtenOrder(system.api, sale, 'ann'), await writtenOrder(system.api, sale, 'bob')];
    // as somebody leaves them who dies between the two stores
    const end = `
      WITH ended AS (UPDATE orders SET status = 'expired' WHERE id = ANY($2::uuid[]) RETURNING id, buyer_id),
        t AS (UPDATE ticket_types SET taken = taken - 2, returned = returned + 2 WHERE sale_id = $1),
        b AS (UPDATE buyer_totals SET tickets = 0 WHERE sale_id = $1)
      INSERT INTO stock_returns (sale_id, order_id) SELECT $1, id FROM ended`;
    await system.sql.query(end, [sale.id, [order.id, later.id]]);
    expect(await payFor(sale, order, 'pi_1')).toBe(204);
    expect(await payFor(sale, later, 'pi_2')).toBe(204);
    expect(await statusOf(order, 'ann')).toBe('confirmed');
    expect(await statusOf(later, 'bob')).toBe('confirmed');
    await assertInvariants(system, sale);
  });

  test.each([
    ['Redis lost everything', () => system.redis.flushall()],
    ['Redis lost the buyers', (sale: GivenSale) => system.redis.del(`sluice:{${sale.id}}:buyers`)],
    ['Redis is an epoch ahead', (sale: GivenSale) => system.redis.hincrby(`sluice:{${sale.id}}:sale`, 'epoch', 1)],
  ])('when %s, then the sale is mended and the order confirmed', async (_, lose) => {
    const sale = await paidSale();
    const order = await expired(sale, 'ann');
    await lose(sale);
    // the provider sends it again until it is taken
    for (let answer = 0; answer !== 204;) {
      answer = await payFor(sale, order, 'pi_1');
      expect([204, 503]).toContain(answer);
    }
    expect(await statusOf(order, 'ann')).toBe('confirmed');
    await assertInvariants(system, sale);
  });
});

describe(`races, ${rounds} times each`, () => {
  test('when a late payment and another buyer want the last ticket, then one of them has it', async () => {
    const sale = await paidSale({ capacities: [1], maxPerBuyer: 1 });
    const outcomes = new Map<string, number>();
    for (let turn = 0; turn < rounds; turn++) {
      const order = await expired(sale, `late-${turn}`);
      const event = { saleId: sale.id, orderId: order.id, paymentReference: `pi_${turn}` };
      const [paid, bought] = await Promise.all([
        pay(other(turn), event),
        // a payment takes longer: with the same start the purchase would win every time
        delay((turn % 10) * 5).then(() => purchase(other(turn + 1), sale, `quick-${turn}`)),
        turn % 3 === 0 ? reconcile(other(turn)) : undefined,
      ]);
      expect(paid.status).toBe(204);
      const status = await statusOf(order, `late-${turn}`);
      expect([bought.status, status]).toEqual(bought.status === 202 ? [202, 'expired'] : [409, 'confirmed']);
      outcomes.set(status, (outcomes.get(status) ?? 0) + 1);
      // the ticket is for sale again
      const path = `/v1/admin/sales/${sale.id}/orders/`;
      if (bought.status === 202) {
        expectStatus(200, await system.api.get(`${sale.orders}/${bought.body.id}?wait=10`, buyer(`quick-${turn}`)));
        expectStatus(200, await system.api.post(`${path}${bought.body.id}/cancel`, admin));
      } else {
        expectStatus(200, await system.api.post(`${path}${order.id}/cancel`, admin));
      }
    }
    expect(outcomes.size).toBe(2);
    await assertInvariants(system, sale, { maxPerBuyer: 1 });
    const refunds = await refundsOf(sale);
    expect(refunds).toHaveLength(rounds); // those that were too late, and those that were taken back
    expect(refunds.filter(({ reason }) => reason === 'sold_out')).toHaveLength(outcomes.get('expired') ?? 0);
  });

  test('when one webhook comes four times at once, then it counts once', async () => {
    const sale = await paidSale({ capacities: [rounds] });
    for (let turn = 0; turn < rounds; turn++) {
      const isLate = turn % 2 === 0;
      const order = await (isLate ? expired(sale, `b-${turn}`) : writtenOrder(system.api, sale, `b-${turn}`));
      const event = { saleId: sale.id, orderId: order.id, paymentReference: 'pi' };
      const answers = await Promise.all(times(4, (i) => pay(other(i), event)));
      expect(answers.map(({ status }) => status)).toEqual([204, 204, 204, 204]);
      expect(await statusOf(order, `b-${turn}`)).toBe('confirmed');
    }
    expect(await refundsOf(sale)).toEqual([]);
    await assertInvariants(system, sale);
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 0, confirmed: rounds }]);
  });

  test('when two payments for one order come at once, then one pays and one is owed back', async () => {
    const sale = await paidSale({ capacities: [rounds] });
    for (let turn = 0; turn < rounds; turn++) {
      const isLate = turn % 2 === 0;
      const order = await (isLate ? expired(sale, `b-${turn}`) : writtenOrder(system.api, sale, `b-${turn}`));
      const event = { saleId: sale.id, orderId: order.id };
      const answers = await Promise.all(
        times(2, (i) => pay(other(i), { ...event, paymentReference: `pi_${turn}_${i}` })),
      );
      expect(answers.map(({ status }) => status)).toEqual([204, 204]);
    }
    const refunds = await refundsOf(sale);
    expect(refunds).toHaveLength(rounds);
    expect(new Set(refunds.map(({ orderId }) => orderId)).size).toBe(rounds);
    expect(new Set(refunds.map(({ reason }) => reason))).toEqual(new Set(['already_paid']));
    await assertInvariants(system, sale);
  });

  test('when a payment, a cancel and an expiry meet, then the buyer has the tickets or the money', async () => {
    const sale = await paidSale({ capacities: [rounds] });
    const journal = new Journal();
    const endings = new Map<string, number>();
    for (let turn = 0; turn < rounds; turn++) {
      const who = `b-${turn}`;
      const order = await writtenOrder(system.api, sale, who);
      if (turn % 2 === 0) await endHold(system.sql, order.id, (turn % 5) * 2);
      const event = { saleId: sale.id, orderId: order.id, paymentReference: `pi_${turn}` };
      const cancel = turn % 4 < 3 ? `${order.path}/cancel` : `${sale.admin}/orders/${order.id}/cancel`;
      const [paid] = await Promise.all([
        pay(other(turn), event),
        other(turn + 1).post(cancel, turn % 4 < 3 ? buyer(who) : admin),
        reconcile(other(turn)),
      ]);
      expect(paid.status).toBe(204);
      const { body } = expectStatus(200, await system.api.get(order.path, buyer(who)));
      journal.note(body);
      endings.set(body.status, (endings.get(body.status) ?? 0) + 1);
      const owed = (await refundsOf(sale)).filter(({ orderId }) => orderId === order.id);
      expect([turn, body.status, owed.length]).toEqual([turn, body.status, body.status === 'confirmed' ? 0 : 1]);
    }
    expect([...endings.keys()].sort()).toEqual(['cancelled', 'confirmed']);
    await assertInvariants(system, sale, { journal });
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ confirmed: endings.get('confirmed'), drift: 0 }]);
  });
});
