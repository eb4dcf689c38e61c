/**
 * @needs nginx
 * @needs pgbouncer
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import { Teardown } from '../../src/cli/teardown.js';
import type { Topology } from '../../src/cli/topology/topology.js';
import { type ApiClient, buyer, type Answer } from '../support/api-client.js';
import { openSale, purchase, type GivenSale } from '../support/given.js';
import { assertInvariants, Journal } from '../support/invariants.js';
import { until } from '../support/until.js';
import { startTestTopology } from './test-topology.js';

jest.setTimeout(120_000);
/** Purchases begun in a second. */
const rate = Number(process.env.ROLLING_RATE ?? 50);

const teardown = new Teardown();
let topology: Topology;
let api: ApiClient;
let sale: GivenSale;

beforeAll(async () => {
  ({ topology, api } = await startTestTopology(teardown, { limited: false, env: { RATE_LIMIT_IP: 'off' } }));
  sale = await openSale(api, { capacities: [100_000], maxPerBuyer: 4 });
});

afterAll(() => teardown.run());

test('when every node is replaced during a surge, then no request fails and nothing is lost', async () => {
  const journal = new Journal();
  const answers = new Map<string, number>();
  const count = (what: string): void => void answers.set(what, (answers.get(what) ?? 0) + 1);
  const ask = async (what: string, request: () => Promise<Answer>): Promise<Answer | null> => {
    const answer = await request().catch((error: unknown) => {
      count(`${what}: ${String(error)}`);
      return null;
    });
    if (answer !== null) count(`${what} ${answer.status} ${answer.status < 400 ? '' : answer.body.detail}`.trimEnd());
    if (answer?.status === 200 || answer?.status === 202) journal.note(answer.body);
    return answer;
  };
  /** Buys, waits, and claims or leaves; every other without an idempotency key, so that nothing may be sent twice. */
  const visit = async (n: number): Promise<void> => {
    const id = `buyer-${n}`;
    const key = n % 2 === 0 ? { key: `key-${n}` } : {};
    const bought = await ask('purchase', () => purchase(api, sale, id, key));
    if (bought?.status !== 202) return;
    const path = `${sale.orders}/${bought.body.id}`;
    const told = await ask('poll', () => api.get(`${path}?wait=10`, buyer(id)));
    if (told?.body.status === 'reserved' && n % 3 !== 0) {
      await ask('claim', () => api.post(`${path}/${n % 3 === 1 ? 'confirm' : 'cancel'}`, buyer(id)));
    }
  };

  const over = new AbortController();
  const visits: Promise<void>[] = [];
  const surge = (async () => {
    const startedAt = performance.now();
    while (!over.signal.aborted) {
      const due = Math.floor(((performance.now() - startedAt) / 1000) * rate);
      while (visits.length < due) visits.push(visit(visits.length));
      await delay(5);
    }
  })();
  await until(() => visits.length > rate);
  const before = new Map([...topology.parts].map(([name, { pid }]) => [name, pid]));
  for (const node of topology.nodeUrls.keys()) await topology.replace(node);
  over.abort();
  await surge;
  await Promise.all(visits);

  for (const node of topology.nodeUrls.keys()) expect(topology.parts.get(node)?.pid).not.toBe(before.get(node));
  expect([...answers.keys()].sort()).toEqual(['claim 200', 'poll 200', 'purchase 202']);
  expect(answers.get('purchase 202')).toBe(visits.length);
  const sql = new pg.Pool({ connectionString: topology.databaseUrl, max: 2 });
  const redis = new Redis(topology.redisUrl);
  try {
    await assertInvariants({ api, sql, redis }, sale, { journal });
    const { rows } = await sql.query<{ orders: number }>('SELECT count(*)::int AS orders FROM orders');
    expect(rows[0]?.orders).toBe(visits.length); // nothing was bought twice
  } finally {
    await sql.end();
    redis.disconnect();
  }
});
