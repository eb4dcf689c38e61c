import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buyer, type Answer, type ApiClient } from '../support/api-client.js';
import { expectStatus, openSale, purchase, times, writtenOrder, type GivenSale } from '../support/given.js';
import { holdGate } from '../support/held-gate.js';
import { assertInvariants } from '../support/invariants.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const patiently = { timeoutMs: 15_000, intervalMs: 50 };

let system: System;

/** Buys as a new buyer each time until the node refuses. */
async function untilOverloaded(api: ApiClient, sale: GivenSale): Promise<Answer> {
  let buyers = 0;
  return until(async () => {
    const answer = await purchase(api, sale, `crowd-${(buyers += 1)}`);
    return answer.status === 503 && answer;
  }, patiently);
}

async function untilWelcome(api: ApiClient, sale: GivenSale): Promise<void> {
  await until(async () => (await purchase(api, sale, `late-${performance.now()}`)).status === 202, patiently);
}

describe('without a worker', () => {
  beforeAll(async () => {
    system = await startSystem({ workers: 0, reconcilers: 0 });
  });

  afterAll(() => system.stop());

  test('when more orders wait than may, then new purchases are refused, everything else is served, and it passes by itself', async () => {
    const api = await system.startApi({ QUEUE_MAX_ORDERS: '20', QUEUE_MAX_LAG_MS: 'off' });
    const sale = await openSale(api, { capacities: [1000] });
    const first = expectStatus(202, await purchase(api, sale, 'ann', { key: 'k' })).body;
    await Promise.all(times(20, (i) => purchase(api, sale, `b${i}`)));

    const refused = await untilOverloaded(api, sale);
    expect(refused.body.code).toBe('overloaded');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect(await api.figure('overloaded')).toBe(1);

    const reserves = await api.figure('script_duration_seconds_count{script="reserve"}');
    expectStatus(503, await purchase(api, sale, 'new'));
    expectStatus(503, await purchase(api, sale, 'new', { key: 'unknown' }));
    const replay = expectStatus(202, await purchase(api, sale, 'ann', { key: 'k' }));
    expect(replay).toMatchObject({ headers: { 'idempotency-replayed': 'true' }, body: { id: first.id } });
    const reused = await purchase(api, sale, 'ann', { key: 'k', quantities: [2] });
    expect(reused).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
    const strange = { ...sale, types: [first.id] };
    expect((await purchase(api, strange, 'new')).body.code).toBe('validation_failed');
    expect(await api.figure('script_duration_seconds_count{script="reserve"}')).toBe(reserves);

    const path = `${sale.orders}/${first.id}`;
    expect((await api.get(path, buyer('ann'))).body.status).toBe('queued');
    expect((await api.post(`${path}/confirm`, buyer('ann'))).body.code).toBe('order_not_ready');
    expectStatus(200, await api.get(`/v1/sales/${sale.id}`));

    const worker = await system.startNode('worker');
    await untilWelcome(api, sale);
    expectStatus(200, await api.post(`${path}/confirm`, buyer('ann')));
    await worker.close();
    await assertInvariants(system, sale);
  });

  test('when more orders wait than may, then a sale that is within its share goes on', async () => {
    const api = await system.startApi({ QUEUE_MAX_ORDERS: '20', QUEUE_MAX_LAG_MS: 'off' });
    const crowded = await openSale(api, { capacities: [1000] });
    const quiet = await openSale(api, { capacities: [1000] });
    expectStatus(202, await purchase(api, quiet, 'ann'));
    await untilOverloaded(api, crowded);
    expectStatus(202, await purchase(api, quiet, 'bob'));
    expectStatus(503, await purchase(api, crowded, 'late'));
    expect(await api.figure('overloaded')).toBe(1);
    // above its share, the other one is to blame as well
    await untilOverloaded(api, quiet);
    await until(async () => (await api.figure('overloaded')) === 2);
  });

  test('when the oldest order waits for too long, then new purchases are refused until it is written', async () => {
    const api = await system.startApi({ QUEUE_MAX_ORDERS: 'off', QUEUE_MAX_LAG_MS: '1500' });
    const sale = await openSale(api, { capacities: [10_000] });
    expectStatus(202, await purchase(api, sale, 'ann'));
    expect((await untilOverloaded(api, sale)).body.code).toBe('overloaded');
    const worker = await system.startNode('worker');
    await untilWelcome(api, sale);
    await worker.close();
  });
});

describe('with a worker', () => {
  beforeAll(async () => {
    system = await startSystem({ env: { QUEUE_MAX_LAG_MS: '1000' } });
  });

  afterAll(() => system.stop());

  test('when a dead letter stays in the outbox, then it keeps nobody out', async () => {
    const { api, sql } = system;
    const sale = await openSale(api, { capacities: [1000] });
    await sql.query(`ALTER TABLE orders ADD CONSTRAINT refused CHECK (buyer_id <> 'dead')`);
    expectStatus(202, await purchase(api, sale, 'dead'));
    await until(async () => {
      const { rows } = await sql.query('SELECT 1 FROM dead_letters WHERE attempts >= 5');
      return rows.length > 0;
    }, patiently);
    await untilWelcome(api, sale);
    const until2s = performance.now() + 2000;
    while (performance.now() < until2s) {
      const { status } = await writtenOrder(api, sale, `b${performance.now()}`);
      expect(status).toBe('reserved');
    }
    expect(await api.figure('outbox_orders')).toBe(1);
    await until(async () => (await api.figure('outbox_oldest_seconds')) === 0);
    await sql.query('ALTER TABLE orders DROP CONSTRAINT refused');
  });

  test('when one sale is stuck, then its purchases are refused, and those of another are written', async () => {
    const { api } = system;
    const stuck = await openSale(api, { capacities: [1000] });
    const other = await openSale(api, { capacities: [1000] });
    const free = await holdGate(system.servers.databaseUrl, stuck.id);
    const refused = await untilOverloaded(api, stuck);
    expect(refused.body.code).toBe('overloaded');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    for (let i = 0; i < 10; i++) {
      expect((await writtenOrder(api, other, `b${i}`)).status).toBe('reserved');
      expectStatus(503, await purchase(api, stuck, `late${i}`));
    }
    await free();
    await untilWelcome(api, stuck);
  });

  test('when the event loop is held up again and again, then purchases are refused until it is free', async () => {
    const { api } = system;
    const sale = await openSale(api, { capacities: [1000] });
    const free = new AbortController();
    const hog = (async () => {
      while (!free.signal.aborted) {
        const endsAt = performance.now() + 700;
        while (performance.now() < endsAt);
        await nextTurn();
      }
    })();
    try {
      expect((await untilOverloaded(api, sale)).body.code).toBe('overloaded');
    } finally {
      free.abort();
      await hog;
    }
    await untilWelcome(api, sale);
  });
});
