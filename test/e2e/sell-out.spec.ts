import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { admin, buyer } from '../support/api-client.js';
import { openSale, purchase, times } from '../support/given.js';
import { assertInvariants, Journal } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';

let system: System;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 2 });
});
afterAll(() => system.stop());

test('when 500 buyers race for 100 tickets, then exactly 100 orders are reserved', async () => {
  const sale = await openSale(system.api, { capacities: [100] });
  const journal = new Journal();
  const answers = await Promise.all(times(500, (i) => purchase(system.apis[i % 2] ?? system.api, sale, `buyer-${i}`)));
  const accepted = answers.filter(({ status }) => status === 202);
  expect(accepted).toHaveLength(100);
  expect(answers.filter(({ body }) => body.code === 'sold_out')).toHaveLength(400);
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
