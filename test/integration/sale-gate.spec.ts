import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { newId } from '../../src/observability/index.js';
import { Database, longPatienceMs, SaleGate, type Queryable } from '../../src/postgres/index.js';
import { times } from '../support/given.js';
import { holdGate } from '../support/held-gate.js';
import { createTestDatabase, type TestDatabase } from '../support/servers.js';
import { until } from '../support/until.js';

let server: TestDatabase;
let database: Database;
let gate: SaleGate;
let saleId: string;

beforeAll(async () => {
  server = await createTestDatabase({ empty: true });
});
afterAll(() => server.drop());

beforeEach(() => {
  database = new Database(server.url, () => undefined);
  gate = new SaleGate(database);
  saleId = newId();
});
afterEach(() => database.close());

const select = (tx: Queryable): Promise<unknown> => tx.rows({ name: 'one', text: 'SELECT 1' });
const refusalOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  );

/** How many connections of the process stand in Postgres before a gate. */
async function standing(): Promise<number> {
  const text = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`;
  return (await database.rows({ name: 'standing', text })).length;
}

test("when a sale's gate is held, then those who wait give up in time, on two connections, and other sales never notice", async () => {
  const free = await holdGate(server.url, saleId);
  const startedAt = performance.now();
  const refusals = Promise.all(times(30, () => refusalOf(gate.shared(saleId, 1000, select))));
  await until(async () => (await standing()) > 0);
  let most = 0;
  let slowestMs = 0;
  for (let waiting = true; waiting;) {
    most = Math.max(most, await standing());
    const at = performance.now();
    await gate.exclusive(newId(), 1000, select);
    slowestMs = Math.max(slowestMs, performance.now() - at);
    waiting = await Promise.race([refusals.then(() => false), delay(20, true)]);
  }
  const busy = { code: 'unavailable', facts: { retryAfterSeconds: 1 }, message: expect.stringContaining('busy') };
  for (const refusal of await refusals) expect(refusal).toMatchObject(busy);
  expect(performance.now() - startedAt).toBeLessThan(3000);
  expect(most).toBe(2);
  expect(slowestMs).toBeLessThan(500);
  await free();
  await gate.exclusive(saleId, 1000, select);
});

test('when the gate becomes free, then all who wait come through, who came first first', async () => {
  const free = await holdGate(server.url, saleId);
  const came: number[] = [];
  const all = times(20, (i) =>
    gate.exclusive(saleId, longPatienceMs, async (tx) => {
      await select(tx);
      came.push(i);
    }),
  );
  await until(async () => (await standing()) === 2);
  await free();
  await Promise.all(all);
  // two connections at a time: neighbours may change places
  const moved = times(20, (i) => Math.abs(came.indexOf(i) - i));
  expect(came).toHaveLength(20);
  expect(Math.max(...moved)).toBeLessThan(10);
});

test('when the line moves, then those in it wait for longer than their patience', async () => {
  const slow = times(12, () =>
    gate.exclusive(saleId, 1000, (tx) => tx.rows({ name: 'sleep', text: 'SELECT pg_sleep(0.2)' })),
  );
  await Promise.all(slow);
});

test('when somebody gives up in memory, then nobody behind them loses a place', async () => {
  const free = await holdGate(server.url, saleId);
  const patient = times(2, () => gate.exclusive(saleId, longPatienceMs, select));
  await until(async () => (await standing()) === 2);
  const hasty = refusalOf(gate.exclusive(saleId, 50, select));
  const behind = gate.exclusive(saleId, longPatienceMs, select);
  expect(await hasty).toMatchObject({ code: 'unavailable' });
  await free();
  await Promise.all([...patient, behind]);
});

test('when the gate was had, then its patience does not bound the work, nor what the work waits for', async () => {
  await database.rows({ name: 'make', text: 'CREATE TABLE things AS SELECT 1 AS id' });
  const lock = { name: 'lock-thing', text: 'SELECT id FROM things FOR UPDATE' };
  const holdsRow = database.transaction(async (tx) => {
    await tx.rows(lock);
    await tx.rows({ name: 'sleep', text: 'SELECT pg_sleep(0.5)' });
  });
  await until(async () => (await database.rows({ name: 'try', text: `${lock.text} SKIP LOCKED` })).length === 0);
  expect(await gate.exclusive(saleId, 100, (tx) => tx.rows(lock))).toEqual([{ id: 1 }]);
  await holdsRow;
});

test('when the work collides with another transaction, then it is done again, under the gate', async () => {
  const collide = { name: 'collide', text: `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$` };
  const held = { name: 'held', text: `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()` };
  let attempts = 0;
  const locks = await gate.exclusive(saleId, 1000, async (tx) => {
    attempts += 1;
    if (attempts <= 2) await tx.rows(collide);
    return tx.rows(held);
  });
  expect([attempts, locks.length]).toEqual([3, 1]);
});
