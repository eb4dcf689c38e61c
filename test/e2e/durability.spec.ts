import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { buyer } from '../support/api-client.js';
import { expectStatus, inventoryOf, openSale, purchase } from '../support/given.js';
import { assertInvariants } from '../support/invariants.js';
import { startTestRedis, type TestRedis } from '../support/servers.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

interface Ready {
  readonly checks: { readonly redis: { readonly status: string; readonly warnings?: readonly string[] } };
}

async function warnings(api = system.api): Promise<readonly string[]> {
  const { body } = expectStatus(200, await api.get('/health/ready'));
  return (body as unknown as Ready).checks.redis.warnings ?? [];
}

/** A report may be a moment old. */
async function become(expected: unknown[]): Promise<void> {
  await until(async () => {
    expect(await warnings()).toEqual(expected);
    return true;
  });
}

test('when Redis might lose what was accepted, then readiness says so, and is ready all the same', async () => {
  expect(await warnings()).toEqual([]);
  await system.redis.config('SET', 'appendfsync', 'everysec');
  await become([expect.stringContaining('appendfsync is everysec')]);
  await system.redis.config('SET', 'appendfsync', 'always');
  await system.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await become([expect.stringContaining('maxmemory-policy')]);
  await system.redis.config('SET', 'maxmemory-policy', 'noeviction');
  await become([]);
});

test('when an order cannot be made durable in time, then 503, and the worker ends it as not_durable', async () => {
  const api = await system.startApi({ REDIS_DURABILITY: 'aof' });
  const sale = await openSale(api, { capacities: [5] });
  const answer = await purchase(api, sale, 'anna', { key: 'k', quantities: [2] });
  const hasWaitAof = Number((await version(system.redis)).replace(/^(\d+)\.(\d+).*/, '$1.$2')) >= 7.2;
  if (hasWaitAof) {
    expectStatus(202, answer);
    return;
  }
  expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  await until(async () => (await inventoryOf(system.api, sale))[0]?.available === 5);
  const again = expectStatus(202, await purchase(system.api, sale, 'anna', { key: 'k', quantities: [2] }));
  expect(again.headers['idempotency-replayed']).toBe('true');
  expect(again.body).toMatchObject({ status: 'rejected', reason: 'not_durable' });
  await assertInvariants(system, sale, { intact: false });
});

test('when a replica must have an order, then 202 only while there is one', async () => {
  const replica: TestRedis = await startTestRedis({
    args: ['--replicaof', '127.0.0.1', String(system.servers.redis.port)],
  });
  const writing = await system.sql.connect();
  try {
    await until(async () => /slave0:.*state=online/.test(await system.redis.info('replication')), {
      timeoutMs: 15_000,
    });
    const api = await system.startApi({ REDIS_DURABILITY: 'replica:1' });
    // a primary that was replaced promises no 202 here; elsewhere it would
    expect(await warnings(api)).toEqual([]);
    await become([expect.stringContaining('min-replicas-to-write is 0')]);
    await system.redis.config('SET', 'min-replicas-to-write', '1');
    await become([]);
    await system.redis.config('SET', 'min-replicas-to-write', '0');
    const sale = await openSale(api, { capacities: [10] });
    const answers = await Promise.all(['a', 'b', 'c'].map((id) => purchase(api, sale, id)));
    for (const { status } of answers) expect(status).toBe(202);
    const copy = new Redis(replica.url);
    await until(async () => (await copy.hlen(`sluice:{${sale.id}}:buyers`)) === 4);
    copy.disconnect();

    await replica.kill('SIGSTOP');
    await writing.query('BEGIN; LOCK TABLE orders IN SHARE MODE');
    const refused = await purchase(api, sale, 'd', { key: 'k' });
    expect(refused).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    // nor is it in Postgres yet: a replay must not say more
    const replay = await purchase(api, sale, 'd', { key: 'k' });
    expect(replay).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    await writing.query('ROLLBACK');
    await replica.kill('SIGCONT');
    await until(async () => {
      const { body } = expectStatus(202, await purchase(api, sale, 'd', { key: 'k' }));
      const order = await system.api.get(`${sale.orders}/${body.id}`, buyer('d'));
      return order.body.reason === 'not_durable';
    });
    expectStatus(202, await purchase(api, sale, 'e'));
    await assertInvariants(system, sale, { intact: false });
  } finally {
    writing.release(true);
    await replica.remove();
  }
});

async function version(redis: Redis): Promise<string> {
  return /redis_version:([\d.]+)/.exec(await redis.info('server'))?.[1] ?? '';
}
