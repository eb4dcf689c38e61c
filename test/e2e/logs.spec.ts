import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buyer } from '../support/api-client.js';
import { expectStatus, openSale, purchase, times, writtenOrder } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

let system: System;
beforeAll(async () => {
  system = await startSystem({ logLevel: 'debug' });
});
afterAll(() => system.stop());

/** Lines that have this id, as they are looked for. */
function linesWith(id: string): Record<string, unknown>[] {
  return system.log.filter((line) => line.includes(id)).map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('when a buyer sends no request id, then request and order have one id, and no line is written', async () => {
  const sale = await openSale(system.api);
  const answer = expectStatus(202, await purchase(system.api, sale, 'ann'));
  expect(answer.headers['x-request-id']).toBe(answer.body.id);
  await until(
    async () => (await system.api.get(`${sale.orders}/${answer.body.id}`, buyer('ann'))).body.status === 'reserved',
  );
  expect(linesWith(answer.body.id)).toEqual([]);
});

test('when a buyer sends one, be it an id like ours, then the order has another, and a line for debugging has both', async () => {
  const sale = await openSale(system.api, { capacities: [10] });
  const { id: earlier } = await writtenOrder(system.api, sale, 'bob');
  for (const requestId of [earlier, 'checkout-17']) {
    const headers = { ...buyer('bob'), 'x-request-id': requestId };
    const body = { items: [{ ticketTypeId: sale.types[0], quantity: 1 }] };
    const answer = expectStatus(202, await system.api.post(sale.orders, headers, body));
    expect(answer.headers['x-request-id']).toBe(requestId);
    expect(answer.body.id).not.toBe(requestId);
    expect(linesWith(answer.body.id)).toMatchObject([{ level: 'debug', requestId, orderId: answer.body.id }]);
  }
});

test('when a purchase is refused, then the problem has the id of its header', async () => {
  const sale = await openSale(system.api, { maxPerBuyer: 1 });
  await Promise.all(times(2, () => purchase(system.api, sale, 'cid')));
  const refused = expectStatus(409, await purchase(system.api, sale, 'cid'));
  const { requestId } = refused.body as unknown as { requestId: string };
  expect(requestId).toBe(refused.headers['x-request-id']);
});

test('when PostgreSQL refuses an order until it is dead, then each line of the worker has its id, and nothing of the buyer', async () => {
  await system.sql.query(`
    CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.buyer_id = 'poison' THEN RAISE EXCEPTION 'not % with %', NEW.buyer_id, NEW.answers USING ERRCODE = '23514'; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER refuse_poison BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse_poison()`);
  const sale = await openSale(system.api);
  const { headers, body } = expectStatus(202, await purchase(system.api, sale, 'poison'));
  const id = String(headers['x-request-id']);
  expect(id).toBe(body.id);
  await until(() => linesWith(id).some(({ msg }) => msg === 'order is a dead letter'), { timeoutMs: 20_000 });
  const attempts = linesWith(id).map((line) => line['attempts']);
  expect(attempts).toEqual([1, 2, 3, 4, 5]);
  expect(linesWith(id)).toMatchObject(times(5, () => ({ orderId: id, saleId: sale.id, code: '23514' })));
  expect(JSON.stringify(linesWith(id))).not.toContain('poison');
});
