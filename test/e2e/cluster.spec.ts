import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ChangeFeed, RedisServer, stockChannel } from '../../src/redis/index.js';
import { admin, buyer, type Answer } from '../support/api-client.js';
import {
  endHold,
  expectStatus,
  inventoryOf,
  openSale,
  purchase,
  times,
  writtenOrder,
  type GivenSale,
} from '../support/given.js';
import { assertInvariants, Journal } from '../support/invariants.js';
import { startTestCluster, type TestCluster } from '../support/redis-cluster.js';
import { createTestDatabase } from '../support/servers.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

/** What a buyer may hear while servers go and come. */
const passing = new Set(['unavailable', 'recovering']);

let cluster: TestCluster;
let system: System;

beforeAll(async () => {
  cluster = await startTestCluster();
  const [redis] = cluster.masters;
  if (redis === undefined) throw new Error('a cluster has masters');
  const database = await createTestDatabase();
  const stop = async (): Promise<void> => {
    await cluster.remove();
    await database.drop();
  };
  system = await startSystem({
    servers: { databaseUrl: database.url, redisUrl: cluster.url, redis, stop },
    env: {
      RECONCILE_INTERVAL_MS: '200',
      RATE_LIMIT_IP: '100000/1s',
      RATE_LIMIT_BUYER: '1000/1s',
      RATE_LIMIT_GLOBAL: '100000/1s',
    },
  });
}, 60_000);
afterAll(() => system.stop());

const keyOf = (sale: GivenSale): string => `sluice:{${sale.id}}:sale`;

function expectInvariants(sale: GivenSale, options: Parameters<typeof assertInvariants>[2]): Promise<void> {
  return assertInvariants({ api: system.api, sql: system.sql, redis: cluster.client }, sale, options);
}

/** A request that is repeated for as long as a server is away, a slot is on its way or the sale is recovering. */
async function insist(request: () => Promise<Answer>): Promise<Answer> {
  return until(
    async () => {
      const answer = await request();
      if (answer.status !== 503) return answer;
      expect(passing).toContain(answer.body.code);
      return undefined;
    },
    { timeoutMs: 20_000, intervalMs: 50 },
  );
}

/** Buyers who each take one ticket, however long it takes, and wait until it is theirs. */
async function sell(sale: GivenSale, names: readonly string[], journal: Journal): Promise<string[]> {
  return Promise.all(
    names.map(async (name) => {
      const { body } = expectStatus(202, await insist(() => purchase(system.api, sale, name, { key: 'k' })));
      journal.note(body);
      const isReserved = async (): Promise<boolean> => {
        const answer = await insist(() => system.api.get(`${sale.orders}/${body.id}?wait=2`, buyer(name)));
        journal.note(expectStatus(200, answer).body);
        return answer.body.status === 'reserved';
      };
      await until(isReserved, { timeoutMs: 20_000 });
      return body.id;
    }),
  );
}

test('when a sale is sold out on a Cluster, then it is as on one server', async () => {
  const sale = await openSale(system.api, { capacities: [50, 5] });
  const journal = new Journal();
  const answers = await Promise.all(times(120, (i) => purchase(system.api, sale, `buyer-${i}`)));
  const accepted = answers.filter(({ status }) => status === 202);
  expect(accepted).toHaveLength(50);
  expect(new Set(answers.filter(({ status }) => status !== 202).map(({ body }) => body.code))).toEqual(
    new Set(['sold_out']),
  );
  for (const { body } of accepted) journal.note(body);

  const [first, second, third, fourth] = await Promise.all(
    accepted.slice(0, 4).map(async ({ body: { id, buyerId } }) => {
      const path = `${sale.orders}/${id}`;
      journal.note(expectStatus(200, await system.api.get(`${path}?wait=10`, buyer(buyerId))).body);
      return { id, path, owner: buyer(buyerId) };
    }),
  );
  if (!first || !second || !third || !fourth) throw new Error('four orders were accepted');
  journal.note(expectStatus(200, await system.api.post(`${first.path}/confirm`, first.owner)).body);
  journal.note(expectStatus(200, await system.api.post(`${second.path}/cancel`, second.owner)).body);
  await endHold(system.sql, third.id);
  const cancelled = await system.api.post(`/v1/admin${fourth.path.slice('/v1'.length)}/cancel`, admin);
  journal.note(expectStatus(200, cancelled).body);
  await until(async () => (await system.api.get(third.path, third.owner)).body.status === 'expired');
  await until(async () => (await inventoryOf(system.api, sale))[0]?.available === 3);

  expectStatus(200, await system.api.post(`${sale.admin}/pause`, admin));
  expect((await purchase(system.api, sale, 'late')).body.code).toBe('sale_paused');
  expectStatus(200, await system.api.post(`${sale.admin}/resume`, admin));
  const ticketTypes = sale.types.map((id, i) => ({ id, capacity: [60, 5][i] }));
  expectStatus(200, await system.api.patch(sale.admin, { ticketTypes }));
  await sell(
    sale,
    times(13, (i) => `late-${i}`),
    journal,
  );
  expect((await purchase(system.api, sale, 'too-late')).body.code).toBe('sold_out');
  await expectInvariants(sale, { journal });
  expectStatus(200, await system.api.get('/health/ready'));
});

test('when limits are on, then they hold over the whole Cluster', async () => {
  const sale = await openSale(system.api, { capacities: [5] });
  const api = await system.startApi({ RATE_LIMIT_BUYER: '3/60s' });
  const statuses = await Promise.all(times(8, async () => (await api.get(sale.orders, buyer('eager'))).status));
  expect(statuses.filter((status) => status === 429)).toHaveLength(5);
});

test('when subscriptions are cut, then whoever waits is told, and hears what is published by another master', async () => {
  const redis = new RedisServer(cluster.url.split(','), () => undefined);
  const feed = new ChangeFeed(redis);
  let gaps = 0;
  let heard = 0;
  feed.on(stockChannel, (message) => {
    if (message === 'hello') heard += 1;
  });
  feed.onGap(() => {
    gaps += 1;
  });
  feed.open();
  await redis.open();
  try {
    for (let cut = 1; cut <= 4; cut++) {
      await until(() => gaps === cut);
      await redis.call((client) => client.publish(stockChannel, 'hello'));
      await until(() => heard === cut);
      await Promise.all(cluster.client.nodes('master').map((node) => node.call('CLIENT', 'KILL', 'TYPE', 'pubsub')));
    }
  } finally {
    feed.close();
    redis.close();
  }
});

test('when one master loses all its data, then its sales mend themselves and the others do not notice', async () => {
  const sales = await Promise.all(times(6, () => openSale(system.api, { capacities: [20] })));
  const journals = sales.map(() => new Journal());
  await Promise.all(sales.map((sale, i) => sell(sale, [`ann`, `bob`], journals[i] ?? new Journal())));
  const owners = await Promise.all(sales.map((each) => cluster.ownerOf(keyOf(each))));
  const [owner = 0] = owners;
  const node = cluster.client.nodes('master').find(({ options }) => options.port === cluster.masters[owner]?.port);
  await node?.flushall();
  await Promise.all(sales.map((each, i) => sell(each, ['cleo', 'dan'], journals[i] ?? new Journal())));
  expect(new Set(owners).size).toBeGreaterThan(1);
  for (const [i, each] of sales.entries()) await expectInvariants(each, { journal: journals[i] ?? new Journal() });
});

test('when a slot moves to another master in the middle of a surge, then nothing is lost or sold twice', async () => {
  const sale = await openSale(system.api, { capacities: [200] });
  const journal = new Journal();
  const owner = await cluster.ownerOf(keyOf(sale));
  let done = 0;
  const buying = Promise.all(
    times(6, async (group) => {
      for (let i = 0; i < 20; i++, done++) await sell(sale, [`mover-${group}-${i}`], journal);
    }),
  );
  await until(() => done >= 30, { timeoutMs: 20_000 });
  await cluster.moveSlotOf(keyOf(sale), (owner + 1) % 3);
  await buying;
  expect(await cluster.ownerOf(keyOf(sale))).toBe((owner + 1) % 3);
  await expectInvariants(sale, { journal });
}, 90_000);

test('when a master is killed and comes back with its data, then everything goes on', async () => {
  const sale = await openSale(system.api, { capacities: [200] });
  const journal = new Journal();
  const master = cluster.masters[await cluster.ownerOf(keyOf(sale))];
  let done = 0;
  const buying = Promise.all(
    times(6, async (group) => {
      for (let i = 0; i < 15; i++, done++) await sell(sale, [`patient-${group}-${i}`], journal);
    }),
  );
  await until(() => done >= 30, { timeoutMs: 20_000 });
  await master?.kill();
  await master?.restart();
  await buying;
  await expectInvariants(sale, { journal });
  const { path } = await writtenOrder(system.api, sale, 'last');
  expectStatus(200, await system.api.post(`${path}/confirm`, buyer('last')));
}, 90_000);
