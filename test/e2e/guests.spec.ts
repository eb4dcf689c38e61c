import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { expectStatus, openSale } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { bearer } from '../support/tokens.js';

const path = '/v1/sessions';

let system: System;
beforeAll(async () => {
  const expected = { BUYER_JWT_AUDIENCE: 'tickets', BUYER_JWT_ISSUER: 'sluice' };
  system = await startSystem({ env: { GUEST_SESSIONS: 'on', ...expected } });
});
afterAll(() => system.stop());

test('when a guest comes, then he is a buyer of his own for a day', async () => {
  const sale = await openSale(system.api);
  const [ann, bob] = [expectStatus(201, await system.api.post(path)), expectStatus(201, await system.api.post(path))];
  expect(ann.headers['cache-control']).toBe('no-store');
  expect(ann.body.buyerId).not.toBe(bob.body.buyerId);
  const lifeMs = Date.parse(ann.body.expiresAt) - Date.now();
  expect(lifeMs).toBeGreaterThan(86_390_000);
  expect(lifeMs).toBeLessThanOrEqual(86_400_000);

  const items = [{ ticketTypeId: sale.types[0], quantity: 1 }];
  const answer = expectStatus(202, await system.api.post(sale.orders, bearer(ann.body.token), { items }));
  expect(answer.body.buyerId).toBe(ann.body.buyerId);
  const order = `${sale.orders}/${answer.body.id}`;
  expectStatus(200, await system.api.get(`${order}?wait=10`, bearer(ann.body.token)));
  expectStatus(404, await system.api.get(order, bearer(bob.body.token)));
});

test('when somebody sends a body, then it is refused: a guest cannot choose who he is', async () => {
  expectStatus(400, await system.api.post(path, {}, { buyerId: 'ann' }));
});

test('when guests are not let in, then there is nothing there', async () => {
  const api = await system.startApi({ GUEST_SESSIONS: '' });
  expect(await api.post(path)).toMatchObject({ status: 404, body: { code: 'not_found' } });
});
