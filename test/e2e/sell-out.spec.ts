import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { admin, buyer, type ApiClient } from '../support/api-client.js';
import { expectStatus, inventoryOf, openSale, purchase, times, writtenOrder } from '../support/given.js';
import { assertInvariants, Journal } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

let system: System;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 2 });
});
afterAll(() => system.stop());

function node(i: number): ApiClient {
  return system.apis[i % system.apis.length] ?? system.api;
}

test('when 500 buyers race for 100 tickets, then exactly 100 orders are reserved', async () => {
  const sale = await openSale(system.api, { capacities: [100] });
  const journal = new Journal();
  const answers = await Promise.all(times(500, (i) => purchase(node(i), sale, `buyer-${i}`)));
  const accepted = answers.filter(({ status }) => status === 202);
  const refusals = answers.filter(({ status }) => status !== 202).map(({ body }) => body.code);
  expect([accepted.length, refusals]).toEqual([100, times(400, () => 'sold_out')]);
  await Promise.all(
    accepted.map(async ({ body }) => {
      journal.note(body);
      const { body: order } = await system.api.get(`${sale.orders}/${body.id}?wait=20`, buyer(body.buyerId));
      journal.note(order);
      expect(order.status).toBe('reserved');
    }),
  );
  await assertInvariants(system, sale, { journal });
  const { body } = await system.api.get(`${sale.admin}/inventory`, admin);
  expect(body.ticketTypes).toMatchObject([{ available: 0, reserved: 100, confirmed: 0 }]);
});

test('when some ticket types lack stock, then the order takes nothing and the answer names them', async () => {
  const sale = await openSale(system.api, { capacities: [10, 1, 2, 10] });
  await writtenOrder(system.api, sale, 'first', { quantities: [0, 1, 1] });
  const answer = await purchase(system.api, sale, 'second', { quantities: [1, 1, 2, 1], key: 'k' });
  expect(answer).toMatchObject({ status: 409, body: { code: 'sold_out' } });
  expect(answer.body.ticketTypeIds).toEqual([sale.types[1], sale.types[2]]);
  expect(await inventoryOf(system.api, sale)).toMatchObject(
    [10, 0, 1, 10].map((available) => ({ available, queued: 0 })),
  );
  // nor was his limit of four touched
  const order = await writtenOrder(system.api, sale, 'second', { quantities: [1, 0, 1, 2], key: 'k' });
  expect(order.status).toBe('reserved');
  await assertInvariants(system, sale);
});

test('when 200 buyers race for pairs of which one half is scarce, then every pair is whole', async () => {
  const sale = await openSale(system.api, { capacities: [200, 60] });
  const journal = new Journal();
  const answers = await Promise.all(
    times(200, (i) => purchase(node(i), sale, `buyer-${i}`, { quantities: [1, 1], key: 'pair' })),
  );
  const accepted = answers.filter(({ status }) => status === 202);
  for (const { body } of accepted) journal.note(body);
  expect(accepted).toHaveLength(60);
  expect(answers.filter(({ status }) => status !== 202).map(({ body }) => body.ticketTypeIds)).toEqual(
    times(140, () => [sale.types[1]]),
  );
  await assertInvariants(system, sale, { journal });
  expect(await inventoryOf(system.api, sale)).toMatchObject([
    { available: 140, reserved: 60 },
    { available: 0, reserved: 60 },
  ]);
});

test('when 300 buyers race for mixed orders, then each is written whole or refused whole', async () => {
  const sale = await openSale(system.api, { capacities: [90, 60, 30] });
  const journal = new Journal();
  const mixes = [
    [1, 1, 1],
    [2, 0, 1],
    [0, 2],
    [0, 0, 1],
    [1, 2],
  ];
  const answers = await Promise.all(
    times(300, (i) => purchase(node(i), sale, `buyer-${i}`, { quantities: mixes[i % mixes.length] ?? [1] })),
  );
  const accepted = answers.filter(({ status }) => status === 202);
  for (const { body } of accepted) journal.note(body);
  await assertInvariants(system, sale, { journal });
  const figures = await inventoryOf(system.api, sale);
  for (const [i, figure] of figures.entries()) {
    const ordered = accepted
      .flatMap(({ body }) => body.items)
      .filter(({ ticketTypeId }) => ticketTypeId === sale.types[i])
      .reduce((sum, { quantity }) => sum + quantity, 0);
    expect(figure.reserved).toBe(ordered);
  }
  // what is left is too little for those who were refused
  const refused = answers.filter(({ status }) => status !== 202);
  expect(new Set(refused.map(({ body }) => body.code))).toEqual(new Set(['sold_out']));
});

test('when a hold ends, then a second buyer gets the stock within a second', async () => {
  const sale = await openSale(system.api, { capacities: [2, 1] });
  const order = await writtenOrder(system.api, sale, 'first', { quantities: [2, 1] });
  expect(await purchase(system.api, sale, 'second', { quantities: [2, 1] })).toMatchObject({ status: 409 });
  expectStatus(200, await system.api.post(`${order.path}/cancel`, buyer('first')));
  await until(async () => (await purchase(system.api, sale, 'second', { quantities: [2, 1] })).status === 202, {
    timeoutMs: 2000,
  });
  await assertInvariants(system, sale);
});
