import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { admin, buyer, type ApiClient } from '../support/api-client.js';
import { expectStatus, openSale, purchase, writtenOrder, type GivenSale } from '../support/given.js';
import { assertPaths, Journal } from '../support/invariants.js';
import { startTestRedis, type TestRedis } from '../support/servers.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

/** The old primary goes on, as one does that a network cut apart from its replica: `left` is the node that still talks to it. */
let system: System;
let promoted: TestRedis;
let left: ApiClient;
let moved: ApiClient;
let sale: GivenSale;
/** written before the promotion: the node that is left has a copy of it */
let written: string;
/** in the outbox at the promotion; nobody asks the node that is left for the second before it lists its orders */
let queued: string;
let listed: string;

beforeAll(async () => {
  system = await startSystem({ workers: 0, reconcilers: 0 });
  left = system.api;
  sale = await openSale(left);
  // attached while the node looks on: it never connects again
  await system.redis.config('SET', 'repl-diskless-sync-delay', '0');
  promoted = await startTestRedis({ args: ['--replicaof', '127.0.0.1', String(system.servers.redis.port)] });
  await until(async () => (await system.redis.info('replication')).includes('state=online'), { timeoutMs: 15_000 });
  const worker = await system.startNode('worker');
  written = (await writtenOrder(left, sale, 'ann')).id;
  await worker.close();
  queued = expectStatus(202, await purchase(left, sale, 'bob')).body.id;
  listed = expectStatus(202, await purchase(left, sale, 'cleo')).body.id;
  await system.redis.wait(1, 5000);

  const replica = new Redis(promoted.url);
  await replica.replicaof('NO', 'ONE');
  replica.disconnect();
  const env = { REDIS_URL: promoted.url };
  moved = await system.startApi(env);
});
afterAll(async () => {
  await system.stop();
  await promoted.remove();
});

/** Asks both nodes by turns, all the time, until `end`; every answer goes into the journal. */
function watch(journal: Journal, path: string, buyerId: string): { end(): Promise<void> } {
  let watching = true;
  const ask = async (): Promise<void> => {
    for (let i = 0; watching; i++) {
      const { status, body } = await (i % 2 === 0 ? left : moved).get(path, buyer(buyerId));
      if (status === 200) journal.note(body);
      else expect([503, body.code]).toEqual([status, 'recovering']);
    }
  };
  const asked = ask();
  return {
    end: () => {
      watching = false;
      return asked;
    },
  };
}

test('when a node stays with the old primary, then it tells nothing older than the other node did', async () => {
  const journal = new Journal();
  const [ofAnn, ofBob] = [`${sale.orders}/${written}`, `${sale.orders}/${queued}`];
  expect(expectStatus(200, await left.get(ofAnn, buyer('ann'))).body.status).toBe('reserved');
  expect(expectStatus(200, await left.get(ofBob, buyer('bob'))).body.status).toBe('queued');
  const watches = [watch(journal, ofAnn, 'ann'), watch(journal, ofBob, 'bob')];
  try {
    await system.startNode('worker,reconciler', { REDIS_URL: promoted.url, RECONCILE_INTERVAL_MS: '200' });
    const isConfirmed = async (path: string, buyerId: string): Promise<boolean> =>
      (await moved.post(`${path}/confirm`, buyer(buyerId))).status === 200;
    await until(() => isConfirmed(ofAnn, 'ann'), { timeoutMs: 15_000 });
    expect(expectStatus(200, await left.get(ofAnn, buyer('ann'))).body.status).toBe('confirmed');
    await until(() => isConfirmed(ofBob, 'bob'), { timeoutMs: 15_000 });
    expect(expectStatus(200, await left.get(ofBob, buyer('bob'))).body.status).toBe('confirmed');
  } finally {
    await Promise.all(watches.map((each) => each.end()));
  }
  assertPaths(journal);
  expect([journal.orders.get(written), journal.orders.get(queued)].map((seen) => seen?.at(-1))).toEqual([
    'confirmed',
    'confirmed',
  ]);
});

test('when the node that is left lists orders, then as PostgreSQL has them', async () => {
  const statusesOf = async (path: string, headers: Readonly<Record<string, string>>): Promise<string[]> =>
    expectStatus(200, await left.get(path, headers)).body.data.map(({ status }) => status);
  const confirmed = `${sale.orders}/${listed}/confirm`;
  await until(async () => (await moved.post(confirmed, buyer('cleo'))).status === 200, { timeoutMs: 15_000 });
  expect(await statusesOf(`${sale.admin}/orders?status=queued`, admin)).toEqual([]);
  expect(await statusesOf(sale.orders, buyer('cleo'))).toEqual(['confirmed']);
  expect(await statusesOf(`${sale.admin}/orders`, admin)).toEqual(['confirmed', 'confirmed', 'confirmed']);
});
