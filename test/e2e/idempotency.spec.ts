import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { admin, buyer, type Answer, type ApiClient } from '../support/api-client.js';
import {
  endHold,
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

let system: System;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 2 });
});
afterAll(() => system.stop());

function node(i: number): ApiClient {
  return system.apis[i % system.apis.length] ?? system.api;
}

function isReplay({ status, headers }: Answer): boolean {
  return status === 202 && headers['idempotency-replayed'] === 'true';
}

function idsOf(answers: readonly Answer[]): Set<string> {
  return new Set(answers.map(({ body }) => body.id));
}

test('when 50 buyers click five times at once with one key over two nodes, then each has one order', async () => {
  const sale = await openSale(system.api, { capacities: [100] });
  const journal = new Journal();
  const clicks = await Promise.all(
    times(50, (b) =>
      Promise.all(times(5, (i) => purchase(node(i), sale, `buyer-${b}`, { key: 'my cart', quantities: [2] }))),
    ),
  );
  for (const answers of clicks) {
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
    // clicks at once may be answered in any order
    for (const { body } of answers) journal.note({ id: body.id, status: 'queued' });
    expect(idsOf(answers).size).toBe(1);
    expect(answers.filter(isReplay)).toHaveLength(4);
  }
  expect(idsOf(clicks.flat()).size).toBe(50);
  await assertInvariants(system, sale, { journal });
  expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 0, reserved: 100 }]);
});

test('when 50 buyers click five times at once with five keys over two nodes, then their limit holds', async () => {
  const sale = await openSale(system.api, { capacities: [1000], maxPerBuyer: 2 });
  const journal = new Journal();
  const clicks = await Promise.all(
    times(50, (b) => Promise.all(times(5, (i) => purchase(node(i), sale, `buyer-${b}`, { key: `click ${i}` })))),
  );
  for (const answers of clicks) {
    const accepted = answers.filter(({ status }) => status === 202);
    for (const { body } of accepted) journal.note(body);
    expect(idsOf(accepted).size).toBe(2);
    expect(answers.filter(({ status }) => status === 409).map(({ body }) => body)).toEqual(
      times(3, () => expect.objectContaining({ code: 'limit_exceeded', left: 0 })),
    );
  }
  await assertInvariants(system, sale, { journal, maxPerBuyer: 2 });
  expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 900, reserved: 100 }]);
});

test('when others use the same key, then every buyer has an order of his own in every sale', async () => {
  const [sale, other] = await Promise.all([openSale(system.api), openSale(system.api)]);
  const answers = await Promise.all([
    purchase(system.api, sale, 'a', { key: 'b:c' }),
    purchase(system.api, sale, 'a:b', { key: 'c' }),
    purchase(system.api, sale, 'ab', { key: ':c' }),
    purchase(system.api, other, 'a', { key: 'b:c' }),
  ]);
  expect(idsOf(answers).size).toBe(4);
  expect(answers.filter(isReplay)).toEqual([]);
  await assertInvariants(system, sale);
  await assertInvariants(system, other);
});

describe('what is the same body', () => {
  const fields = [
    { name: 'email', type: 'email', required: false, label: 'E-mail' },
    { name: 'age', type: 'number', required: false, label: 'Age' },
  ];
  let sale: GivenSale;
  let first: Answer;
  const again = (raw: string) =>
    system.api.request('POST', sale.orders, {
      headers: { ...buyer('same'), 'idempotency-key': 'k', 'content-type': 'application/json' },
      raw: raw.replaceAll('TYPE', sale.types[0] ?? ''),
    });

  beforeAll(async () => {
    sale = await openSale(system.api, { capacities: [10, 10], buyerFields: fields });
    first = await again('{"items":[{"ticketTypeId":"TYPE","quantity":2}],"answers":{"email":"a@b.example","age":30}}');
    expectStatus(202, first);
  });
  afterAll(() => assertInvariants(system, sale));

  test.each([
    [
      'another order of names',
      '{"answers":{"age":30,"email":"a@b.example"},"items":[{"quantity":2,"ticketTypeId":"TYPE"}]}',
    ],
    [
      'blanks',
      ' {"items": [ {"ticketTypeId":"TYPE",\n"quantity":2} ],\t"answers":{"email":"a@b.example","age":30}}\r\n',
    ],
    [
      'escapes',
      String.raw`{"it\u0065ms":[{"ticketTypeId":"TYPE","quantity":2}],"answers":{"email":"a\u0040b.example","age":30}}`,
    ],
    [
      'other numerals',
      '{"items":[{"ticketTypeId":"TYPE","quantity":2.0}],"answers":{"email":"a@b.example","age":3e1}}',
    ],
  ])('when a retry has %s, then it is the same request', async (_, raw) => {
    const answer = await again(raw);
    expect(isReplay(answer)).toBe(true);
    expect(answer.body).toMatchObject({
      id: first.body.id,
      totalMinor: 2000,
      answers: { email: 'a@b.example', age: 30 },
    });
  });

  test.each([
    ['another quantity', '{"items":[{"ticketTypeId":"TYPE","quantity":1}],"answers":{"email":"a@b.example","age":30}}'],
    ['another answer', '{"items":[{"ticketTypeId":"TYPE","quantity":2}],"answers":{"email":"a@b.example","age":31}}'],
    ['an answer less', '{"items":[{"ticketTypeId":"TYPE","quantity":2}],"answers":{"email":"a@b.example"}}'],
    ['no answers', '{"items":[{"ticketTypeId":"TYPE","quantity":2}]}'],
  ])('when a retry has %s, then the key is reused', async (_, raw) => {
    const answer = await again(raw);
    expect(answer).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
    expect(answer.headers['idempotency-replayed']).toBeUndefined();
  });

  test('when a ticket type is not the sale’s, then that comes before the reused key', async () => {
    const answer = await again(`{"items":[{"ticketTypeId":"${sale.id}","quantity":1}]}`);
    expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } });
  });

  test('when the retries are over, then one order took two tickets', async () => {
    expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 8 }, { available: 10 }]);
  });
});

test('when a request was refused, then its key is not bound', async () => {
  const sale = await openSale(system.api, { capacities: [2] });
  const holder = await writtenOrder(system.api, sale, 'holder', { quantities: [2] });
  const refused = await purchase(system.api, sale, 'late', { key: 'k', quantities: [1] });
  expect(refused).toMatchObject({ status: 409, body: { code: 'sold_out' } });
  expectStatus(200, await system.api.post(`${holder.path}/cancel`, buyer('holder')));
  const taken = await purchase(system.api, sale, 'late', { key: 'k', quantities: [2] });
  expect(taken.status).toBe(202);
  expect(isReplay(taken)).toBe(false);
  await assertInvariants(system, sale);
});

describe('replays, whatever became of the order and of the sale', () => {
  interface Stage {
    readonly sale: GivenSale;
    readonly order: { readonly id: string; readonly path: string };
  }
  const post = (path: string, headers = admin): Promise<Answer> => system.api.post(path, headers);
  const stages: Record<string, { status: string; reach: (stage: Stage) => Promise<unknown> }> = {
    'sold out': { status: 'reserved', reach: ({ sale }) => purchase(system.api, sale, 'other', { quantities: [3] }) },
    'close of the sale': { status: 'reserved', reach: ({ sale }) => post(`${sale.admin}/close`) },
    'pause of the sale': { status: 'reserved', reach: ({ sale }) => post(`${sale.admin}/pause`) },
    confirm: { status: 'confirmed', reach: ({ order }) => post(`${order.path}/confirm`, buyer('b')) },
    cancel: { status: 'cancelled', reach: ({ order }) => post(`${order.path}/cancel`, buyer('b')) },
    'expiry of the hold': {
      status: 'expired',
      reach: async ({ order }) => {
        await endHold(system.sql, order.id);
        await reconcile(system.api);
      },
    },
    'expiry and close': {
      status: 'expired',
      reach: async ({ sale, order }) => {
        await endHold(system.sql, order.id);
        await Promise.all([reconcile(system.api), post(`${sale.admin}/close`)]);
      },
    },
  };

  test.each(Object.entries(stages))('when a key comes again after %s, then nothing is taken', async (_, stage) => {
    const sale = await openSale(system.api, { capacities: [4] });
    const order = await writtenOrder(system.api, sale, 'b', { key: 'k' });
    await stage.reach({ sale, order });
    await assertInvariants(system, sale);
    const before = await inventoryOf(system.api, sale);

    const replays = await Promise.all(times(4, (i) => purchase(node(i), sale, 'b', { key: 'k' })));
    for (const answer of replays) {
      expect(isReplay(answer)).toBe(true);
      expect(answer.headers['location']).toBe(order.path);
      expect(answer.body).toMatchObject({ id: order.id, status: stage.status });
    }
    const reused = await purchase(system.api, sale, 'b', { key: 'k', quantities: [2] });
    expect(reused).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
    expect(await inventoryOf(system.api, sale)).toEqual(before);
    await assertInvariants(system, sale);
  });
});
