import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { admin, buyer, viewerKey } from '../support/api-client.js';
import { expectStatus, inventoryOf, openSale, purchase, reconcile, type GivenSale } from '../support/given.js';
import { assertInvariants } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

let system: System;
beforeAll(async () => {
  system = await startSystem({ workers: 0 });
  // Postgres refuses this buyer, whatever he orders
  await system.sql.query(`
    CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.buyer_id LIKE 'poison%' AND NEW.status = 'reserved' THEN
        RAISE EXCEPTION 'poisoned' USING ERRCODE = '23514';
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER refuse_poison BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse_poison()`);
});
afterAll(() => system.stop());

async function deadLetters(): Promise<readonly { readonly id: string }[]> {
  return expectStatus(200, await system.api.get('/v1/admin/dead-letters', admin)).body.data;
}

function isDead(id: string): Promise<unknown> {
  return until(async () => (await deadLetters()).some((letter) => letter.id === id), { timeoutMs: 20_000 });
}

async function statusOf(sale: GivenSale, id: string): Promise<string> {
  const { body } = expectStatus(200, await system.api.get(`${sale.admin}/orders/${id}`, admin));
  return body.status;
}

test('when an order can never be written, then it is a dead letter, and its siblings are written', async () => {
  const sale = await openSale(system.api, { capacities: [10] });
  const buyers = ['anna', 'bert', 'poison', 'carl'];
  const answers = await Promise.all(buyers.map((id) => purchase(system.api, sale, id, { quantities: [2] })));
  await system.startNode('worker');
  for (const [i, answer] of answers.entries()) {
    const { id } = expectStatus(202, answer).body;
    if (buyers[i] === 'poison') continue;
    const path = `${sale.orders}/${id}?wait=20`;
    expect((await system.api.get(path, buyer(buyers[i] ?? ''))).body.status).toBe('reserved');
  }
  const poisoned = answers[2]?.body.id ?? '';
  await isDead(poisoned);
  const [letter] = await deadLetters();
  expect(letter).toMatchObject({ id: poisoned, saleId: sale.id, error: 'SQLSTATE 23514', attempts: 5 });

  // it still counts
  expect(await statusOf(sale, poisoned)).toBe('queued');
  expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 2, queued: 2, reserved: 6, drift: 0 }]);
  expect(await purchase(system.api, sale, 'poison', { quantities: [3] })).toMatchObject({ status: 409 });
  expect(await reconcile(system.api)).toMatchObject({ requeued: 0, reloaded: 0 });

  // discarded: it ends like any order
  const path = `/v1/admin/dead-letters/${poisoned}`;
  const viewer = { authorization: `Bearer ${viewerKey}` };
  expect((await system.api.request('DELETE', path, { headers: viewer })).status).toBe(403);
  expectStatus(204, await system.api.request('DELETE', path, { headers: admin }));
  await until(async () => (await statusOf(sale, poisoned)) === 'rejected');
  expect((await system.api.get(`${sale.orders}/${poisoned}`, buyer('poison'))).body.reason).toBe('discarded');
  expect(await deadLetters()).toEqual([]);
  expectStatus(404, await system.api.request('DELETE', path, { headers: admin }));
  expect(await inventoryOf(system.api, sale)).toMatchObject([{ available: 4, queued: 0, reserved: 6, drift: 0 }]);
  await assertInvariants(system, sale, { intact: false });
});

test('when a dead letter is retried, then it is written once Postgres takes it', async () => {
  const sale = await openSale(system.api, { capacities: [10] });
  const { id } = expectStatus(202, await purchase(system.api, sale, 'poisoned too')).body;
  await isDead(id);
  expectStatus(200, await system.api.post(`/v1/admin/dead-letters/${id}/retry`, admin));
  await isDead(id); // still refused, five times more
  await system.sql.query('ALTER TABLE orders DISABLE TRIGGER refuse_poison');
  expectStatus(200, await system.api.post(`/v1/admin/dead-letters/${id}/retry`, admin));
  await until(async () => (await statusOf(sale, id)) === 'reserved', { timeoutMs: 10_000 });
  await system.sql.query('ALTER TABLE orders ENABLE TRIGGER refuse_poison');
  expect(await deadLetters()).toEqual([]);
  await assertInvariants(system, sale);
  const { body } = expectStatus(200, await system.api.get('/v1/admin/audit?limit=10', admin));
  expect(body.data.filter(({ action }) => action === 'dead-letter.retried')).toHaveLength(2);
});

test('when one of the two cannot be written, then neither the decision is, nor its line in the audit log', async () => {
  const sale = await openSale(system.api, { capacities: [10] });
  const { id } = expectStatus(202, await purchase(system.api, sale, 'poison again')).body;
  await isDead(id);
  const path = `/v1/admin/dead-letters/${id}`;
  const letter = async () => (await system.sql.query<object>('SELECT * FROM dead_letters WHERE id = $1', [id])).rows;
  const lines = async () =>
    (await system.sql.query(`SELECT FROM audit_log WHERE details->>'orderId' = $1`, [id])).rowCount;
  await system.sql.query(`
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$`);
  const before = await letter();
  for (const write of ['INSERT ON audit_log', 'UPDATE ON dead_letters']) {
    await system.sql.query(`CREATE TRIGGER full_disk BEFORE ${write} FOR EACH ROW EXECUTE FUNCTION full_disk()`);
    expectStatus(503, await system.api.post(`${path}/retry`, admin));
    expectStatus(503, await system.api.request('DELETE', path, { headers: admin }));
    expect(await letter()).toEqual(before);
    expect(await lines()).toBe(0);
    await system.sql.query(`DROP TRIGGER full_disk ON ${write.replace(/.* ON /, '')}`);
  }
  expectStatus(204, await system.api.request('DELETE', path, { headers: admin }));
  await until(async () => (await statusOf(sale, id)) === 'rejected');
  expect(await lines()).toBe(1);
});
