import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { admin, buyer, type ApiClient } from '../support/api-client.js';
import { expectStatus, inventoryOf, openSale, purchase, reconcile, times, writtenOrder } from '../support/given.js';
import { assertInvariants } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

jest.setTimeout(60_000);

// a child after its parent
const tables = [
  'sales',
  'ticket_types',
  'orders',
  'order_items',
  'buyer_totals',
  'stock_returns',
  'dead_letters',
  'payments',
];

let system: System;
let copies: string;
beforeEach(async () => {
  system = await startSystem({ reconcilers: 0 });
  copies = await mkdtemp(join(tmpdir(), 'sluice-backup-'));
});
afterEach(async () => {
  await system.stop();
  await rm(copies, { recursive: true });
});

/** Copies all rows, as `pg_dump --data-only` does, in one snapshot. */
async function backUpPostgres(): Promise<void> {
  const copy = tables.map((name) => `CREATE TABLE backup.${name} AS TABLE public.${name}`).join(';');
  await system.sql.query(`BEGIN ISOLATION LEVEL REPEATABLE READ; CREATE SCHEMA backup; ${copy}; COMMIT`);
}

/** Puts them back, and does what docs/operations.md says is to be done then. */
async function restorePostgres(): Promise<void> {
  const fill = tables.map((name) => `INSERT INTO public.${name} TABLE backup.${name}`).join(';');
  const sequence = `SELECT setval('stock_returns_id_seq', (SELECT coalesce(max(id), 0) + 1 FROM stock_returns), false)`;
  await system.sql.query(
    `BEGIN; TRUNCATE ${tables.join(', ')}; ${fill}; ${sequence}; UPDATE sales SET epoch = epoch + 1000; COMMIT`,
  );
}

async function backUpRedis(): Promise<void> {
  await system.servers.redis.stop();
  await cp(system.servers.redis.dataDir, copies, { recursive: true });
  await system.servers.redis.restart();
}

async function restoreRedis(): Promise<void> {
  const { redis } = system.servers;
  await redis.stop();
  await rm(redis.dataDir, { recursive: true });
  await cp(copies, redis.dataDir, { recursive: true });
  await redis.restart();
}

/** Ends every node, as before a restore: no copy in a node's memory outlives it. */
async function stopNodes(): Promise<void> {
  await Promise.all(system.nodes.map((node) => node.close()));
}

async function startNodes(): Promise<ApiClient> {
  await system.startNode('worker');
  return system.startApi();
}

test('when Postgres is older than Redis, then what came after the backup is gone, what is queued is written, nothing is oversold', async () => {
  const sale = await openSale(system.api, { capacities: [10] });
  for (const name of ['ann', 'bob', 'cem']) await writtenOrder(system.api, sale, name, { key: name });
  await backUpPostgres();
  const lost = [];
  for (const name of times(4, (i) => `late-${i}`)) lost.push(await writtenOrder(system.api, sale, name, { key: name }));
  const given = await writtenOrder(system.api, sale, 'dan');
  expectStatus(200, await system.api.post(`${given.path}/cancel`, buyer('dan')));
  await system.nodes.at(-1)?.close(); // the worker: what comes now stays in the outbox
  const queued = expectStatus(202, await purchase(system.api, sale, 'eve', { quantities: [2], key: 'eve' }));
  await stopNodes();
  await restorePostgres();

  const api = await startNodes();
  await reconcile(api);
  await until(async () => (await inventoryOf(api, sale))[0]?.queued === 0);
  expect(await inventoryOf(api, sale)).toMatchObject([{ available: 5, reserved: 5, drift: 0 }]);
  const told = await api.get(`${sale.orders}/${queued.body.id}`, buyer('eve'));
  expect(told).toMatchObject({ status: 200, body: { status: 'reserved' } });
  for (const { path } of lost) expect((await api.get(path, admin)).status).not.toBe(200);
  // a buyer whose order is gone may buy again, with the same key too
  const again = expectStatus(202, await purchase(api, sale, 'late-0', { key: 'late-0' }));
  expect(again.headers['idempotency-replayed']).toBeUndefined();
  const answers = await Promise.all(times(10, (i) => purchase(api, sale, `crowd-${i}`)));
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(4);
  await assertInvariants({ ...system, api }, sale);
});

test('when Redis is older than Postgres, then it is reloaded from Postgres, and only what was queued meanwhile is gone', async () => {
  const sale = await openSale(system.api, { capacities: [10] });
  const orders = [];
  for (const name of ['ann', 'bob', 'cem']) orders.push(await writtenOrder(system.api, sale, name, { key: name }));
  await backUpRedis();
  await until(async () => (await reconcile(system.api)).reloaded === 0, { timeoutMs: 15_000 });
  for (const name of times(4, (i) => `late-${i}`)) await writtenOrder(system.api, sale, name, { key: name });
  expectStatus(200, await system.api.post(`${orders[0]?.path ?? ''}/confirm`, buyer('ann')));
  expectStatus(200, await system.api.post(`${orders[1]?.path ?? ''}/cancel`, buyer('bob')));
  await system.nodes.at(-1)?.close(); // the worker
  const queued = expectStatus(202, await purchase(system.api, sale, 'eve', { quantities: [2], key: 'eve' }));
  await stopNodes();
  await restoreRedis();

  const api = await startNodes();
  await reconcile(api);
  expect(await inventoryOf(api, sale)).toMatchObject([
    { available: 4, reserved: 5, confirmed: 1, queued: 0, drift: 0 },
  ]);
  expect((await api.get(`${sale.orders}/${queued.body.id}`, buyer('eve'))).status).toBe(404);
  const replay = expectStatus(202, await purchase(api, sale, 'late-0', { key: 'late-0' }));
  expect(replay.headers['idempotency-replayed']).toBe('true');
  const answers = await Promise.all(times(10, (i) => purchase(api, sale, `crowd-${i}`)));
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(4);
  await assertInvariants({ ...system, api }, sale);
});
