import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { admin, buyer } from '../support/api-client.js';
import { expectStatus, openSale, purchase, times, writtenOrder, type GivenSale } from '../support/given.js';
import { assertInvariants } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const rounds = 30;
const buyerFields = [{ name: 'email', type: 'email', required: true, label: 'E-mail' }];
jest.setTimeout(60_000);

let system: System;
/** what must be nowhere once it is erased: of each test alone */
let secret: string;
let turn = 0;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 0, reconcilers: 0 });
});
afterAll(() => system.stop());
afterEach(() => {
  expect(system.log.filter((line) => line.includes(secret))).toEqual([]);
});

function answersOf(who: string): { answers: object } {
  secret = `${who}.${++turn}@example.org`;
  return { answers: { email: secret } };
}

function saleWithAnswers(): Promise<GivenSale> {
  return openSale(system.api, { capacities: [200], maxPerBuyer: 200, buyerFields });
}

async function erase(who: string): Promise<void> {
  const path = `/v1/admin/buyers/${encodeURIComponent(who)}/answers`;
  expectStatus(204, await system.api.request('DELETE', path, { headers: admin }));
}

/** Where Redis or Postgres still has the text. */
async function placesOf(text: string): Promise<string[]> {
  const places: string[] = [];
  for (const key of await system.redis.keys('sluice:{*}:queued')) {
    if (Object.values(await system.redis.hgetall(key)).some((entry) => entry.includes(text))) places.push(key);
  }
  for (const table of ['orders', 'dead_letters', 'audit_log', 'payments']) {
    const { rows } = await system.sql.query(`SELECT FROM ${table} t WHERE t::text LIKE $1`, [`%${text}%`]);
    if (rows.length > 0) places.push(table);
  }
  return places;
}

test('when orders are queued, then their answers are erased from the outbox and the worker writes none', async () => {
  const sale = await saleWithAnswers();
  const { id } = expectStatus(202, await purchase(system.api, sale, 'ann', answersOf('ann'))).body;
  const other = expectStatus(202, await purchase(system.api, sale, 'bob', { answers: { email: 'bob@example.org' } }));
  expect(await placesOf(secret)).toEqual([`sluice:{${sale.id}}:queued`]);
  await erase('ann');
  expect(await placesOf(secret)).toEqual([]);
  expect((await system.api.get(`${sale.orders}/${id}`, buyer('ann'))).body).toMatchObject({
    status: 'queued',
    answers: {},
  });

  const worker = await system.startNode('worker');
  const written = expectStatus(200, await system.api.get(`${sale.orders}/${id}?wait=10`, buyer('ann'))).body;
  expect(written).toMatchObject({ status: 'reserved', answers: {} });
  const bobs = await system.api.get(`${sale.orders}/${other.body.id}?wait=10`, buyer('bob'));
  expect(bobs.body.answers).toEqual({ email: 'bob@example.org' });
  await assertInvariants(system, sale);
  await worker.close();
});

test('when orders are written, then their answers are gone on every node, in every sale, and the log does not say whose', async () => {
  const worker = await system.startNode('worker');
  const sales = [await saleWithAnswers(), await saleWithAnswers()];
  const answers = answersOf('ann');
  const who = "o'ann {x} */?#%";
  const orders = [];
  for (const sale of sales) orders.push(await writtenOrder(system.api, sale, who, answers));
  await erase(who);
  await erase(who); // a repeat
  for (const { path } of orders) {
    for (const api of system.apis) expect((await api.get(path, buyer(who))).body.answers).toEqual({});
  }
  expect(await placesOf(secret)).toEqual([]);
  const { rows } = await system.sql.query<{ details: object; sale_id: string | null }>(
    `SELECT details, sale_id FROM audit_log WHERE action = 'buyer.answers-erased' ORDER BY id DESC LIMIT 2`,
  );
  expect(rows).toEqual(times(2, () => ({ details: {}, sale_id: null })));
  await worker.close();
});

test('when an order cannot be written, then the answers in its dead letter are erased too', async () => {
  await system.sql.query(`
    CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.buyer_id = 'poison' AND NEW.status = 'reserved' THEN
        RAISE EXCEPTION 'quoted %', NEW.answers USING ERRCODE = '23514';
      END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER refuse_poison BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse_poison()`);
  const worker = await system.startNode('worker');
  const sale = await saleWithAnswers();
  const { id } = expectStatus(202, await purchase(system.api, sale, 'poison', answersOf('poison'))).body;
  const letters = async () => expectStatus(200, await system.api.get('/v1/admin/dead-letters', admin)).body.data;
  await until(async () => (await letters()).length === 1, { timeoutMs: 20_000 });
  expect((await letters())[0]).toMatchObject({ error: 'SQLSTATE 23514' }); // and not what Postgres said
  // as a worker of an older version would have it
  await system.sql.query('UPDATE dead_letters SET error = $2 WHERE id = $1', [id, `not ${secret}`]);
  expect(await placesOf(secret)).toHaveLength(2);
  expect(system.log.filter((line) => line.includes('quoted'))).toEqual([]);
  await erase('poison');
  expect(await placesOf(secret)).toEqual([]);
  await system.sql.query('DROP TRIGGER refuse_poison ON orders');
  expectStatus(200, await system.api.post(`/v1/admin/dead-letters/${id}/retry`, admin));
  await until(async () => (await system.api.get(`${sale.orders}/${id}`, buyer('poison'))).body.status === 'reserved');
  expect(await placesOf(secret)).toEqual([]);
  await worker.close();
});

test(`when orders are being written while their answers are erased, ${rounds} times, then no order brings them back`, async () => {
  const worker = await system.startNode('worker');
  const sale = await saleWithAnswers();
  for (let i = 0; i < rounds; i++) {
    const who = `racer-${i}`;
    const answers = answersOf(who);
    const accepted = await Promise.all(times(3, () => purchase(system.api, sale, who, answers)));
    await erase(who);
    for (const { body } of accepted) {
      const { answers: left } = expectStatus(
        200,
        await system.api.get(`${sale.orders}/${body.id}?wait=10`, buyer(who)),
      ).body;
      expect(left).toEqual({});
    }
    expect(await placesOf(secret)).toEqual([]);
  }
  await assertInvariants(system, sale, { maxPerBuyer: 200 });
  await worker.close();
});

test('when the index of buyers was lost, then the answers are still found', async () => {
  const sale = await saleWithAnswers();
  expectStatus(202, await purchase(system.api, sale, 'ann', answersOf('ann')));
  await system.redis.del(`sluice:{${sale.id}}:queued-by`);
  await erase('ann');
  expect(await placesOf(secret)).toEqual([]);
});
