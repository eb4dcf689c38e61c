import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { admin, buyer, type Answer, type Headers } from '../support/api-client.js';
import {
  draftSale,
  expectStatus,
  openSale,
  purchase,
  saleBody,
  times,
  writtenOrder,
  type GivenSale,
} from '../support/given.js';
import { assertInvariants, Journal } from '../support/invariants.js';
import { postgresFaults, type PostgresFaults } from '../support/postgres-faults.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

/*
 * Jest fails the test during which a promise is rejected that nobody handles: that none is, is asserted everywhere here.
 */

/**
 * How long an answer may take while a server behind is silent: a command's deadline of 2 s, after that of the pipeline
 * before it (ioredis sends one at a time), and what else there is to do.
 */
const patienceMs = 3500;
const recoveryMs = 5000;
/** What a buyer may hear while servers go and come. */
const passing = new Set(['unavailable', 'recovering']);

let system: System;
let postgres: PostgresFaults;
let sale: GivenSale;
let draft: GivenSale;
let doomed: GivenSale;
/** to be changed: what is answered with 503 may still have happened */
let other: GivenSale;
let journal: Journal;
/** orders of ann's: one for each route that would change it */
let orders: string[];

beforeAll(async () => {
  system = await startSystem({ env: { RECONCILE_INTERVAL_MS: '200' } });
  postgres = postgresFaults(system.servers.databaseUrl);
  sale = await openSale(system.api, { capacities: [500], maxPerBuyer: 500 });
  draft = await draftSale(system.api);
  doomed = await draftSale(system.api);
  other = await openSale(system.api);
  journal = new Journal();
  orders = await Promise.all(times(4, async () => (await writtenOrder(system.api, sale, 'ann')).id));
});
afterAll(async () => {
  await system.stop();
  expect(system.log.filter((line) => /"level":"(error|fatal)"/.test(line))).toEqual([]);
});
afterEach(async () => {
  await postgres.heal();
  await until(() => isReady(), { timeoutMs: 10_000 });
  await assertInvariants(system, sale, { journal, maxPerBuyer: 500 });
});

type Server = 'redis' | 'postgres';
const both: readonly Server[] = ['redis', 'postgres'];

interface Route {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly json?: unknown;
  /** the servers without which it cannot answer */
  readonly needs: readonly Server[];
}

function routes(): Route[] {
  const ann = buyer('ann');
  const [read = '', toConfirm = '', toCancel = '', forAdmin = ''] = orders;
  const asBuyer = (method: string, path: string, needs = both, json?: unknown): Route => ({
    method,
    path,
    headers: ann,
    needs,
    json,
  });
  const asAdmin = (method: string, path: string, needs = both, json?: unknown): Route => ({
    method,
    path,
    headers: admin,
    needs,
    json,
  });
  return [
    asBuyer('GET', '/v1/sales'),
    asBuyer('GET', `/v1/sales/${sale.id}`),
    asBuyer('POST', sale.orders, ['redis'], { items: [{ ticketTypeId: sale.types[0], quantity: 1 }] }),
    asBuyer('GET', sale.orders),
    asBuyer('GET', `${sale.orders}/${read}`),
    asBuyer('GET', `${sale.orders}/${read}?wait=2`),
    asBuyer('POST', `${sale.orders}/${toConfirm}/confirm`),
    asBuyer('POST', `${sale.orders}/${toCancel}/cancel`),
    asAdmin('POST', '/v1/admin/sales', both, saleBody()),
    asAdmin('GET', '/v1/admin/sales'),
    asAdmin('GET', draft.admin),
    asAdmin('PATCH', draft.admin, both, { name: 'Another' }),
    asAdmin('POST', `${other.admin}/pause`),
    asAdmin('DELETE', doomed.admin),
    asAdmin('GET', `${sale.admin}/inventory`),
    asAdmin('GET', `${sale.admin}/orders`),
    asAdmin('GET', `${sale.admin}/orders?status=reserved`, ['postgres']),
    asAdmin('GET', `${sale.admin}/orders/${read}`),
    asAdmin('POST', `${sale.admin}/orders/${forAdmin}/cancel`),
    asAdmin('POST', '/v1/admin/reconciliations'),
    asAdmin('GET', '/v1/admin/audit', ['postgres']),
    asBuyer('GET', '/health/live', []),
  ];
}

async function timed(request: Promise<Answer>): Promise<{ answer: Answer; tookMs: number }> {
  const startedAt = performance.now();
  const answer = await request;
  return { answer, tookMs: performance.now() - startedAt };
}

/** Asserts what every route answers while a server is away; buyers first, so that they do not wait for admins. */
async function expectOutage(down: Server): Promise<void> {
  const all = routes();
  // the public figures may be a second old
  const isOut = async (path: string): Promise<boolean> => (await system.api.get(path)).status === 503;
  await until(async () => (await isOut(`/v1/sales/${sale.id}`)) && (await isOut('/v1/sales')));
  await Promise.all(all.filter(({ headers }) => headers !== admin).map((route) => expectOutageOf(down, route)));
  await Promise.all(all.filter(({ headers }) => headers === admin).map((route) => expectOutageOf(down, route)));
  await until(() => isOut('/health/ready')); // asked for a moment ago, it says what it said then
  const { answer, tookMs } = await timed(system.api.get('/health/ready'));
  expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
  const up = { redis: { status: 'up' }, postgres: { status: 'up' } };
  expect(answer.body.checks).toMatchObject({ ...up, [down]: { status: 'down' } });
  expect(tookMs).toBeLessThan(patienceMs);
}

async function expectOutageOf(down: Server, { method, path, headers, json, needs }: Route): Promise<void> {
  const { answer, tookMs } = await timed(system.api.request(method, path, { headers, json }));
  const { status, body } = answer;
  const where = `${method} ${path}`;
  if (needs.includes(down)) {
    expect([where, status, body.code]).toEqual([where, 503, 'unavailable']);
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  } else {
    expect([where, status]).toEqual([where, method === 'POST' ? 202 : 200]);
  }
  if (status === 202) journal.note(body);
  expect([where, tookMs < patienceMs || tookMs]).toEqual([where, true]);
}

async function isReady(): Promise<boolean> {
  return (await system.api.get('/health/ready')).status === 200;
}

/** A purchase that is repeated for as long as the servers are away or the sale is recovering. */
async function insist(buyerId: string, key: string, timeoutMs = 20_000): Promise<string> {
  const answer = await until(
    async () => {
      const { status, body, ...rest } = await purchase(system.api, sale, buyerId, { key });
      return status === 503 && passing.has(body.code) ? undefined : { status, body, ...rest };
    },
    { timeoutMs, intervalMs: 50 },
  );
  const { body } = expectStatus(202, answer);
  journal.note(body);
  return body.id;
}

async function expectWritten(buyerId: string, orderId: string): Promise<void> {
  const reserved = async (): Promise<boolean> => {
    const { status, body } = await system.api.get(`${sale.orders}/${orderId}`, buyer(buyerId));
    if (status === 200) journal.note(body);
    return body.status === 'reserved';
  };
  await until(reserved, { timeoutMs: 20_000 });
}

describe('Redis', () => {
  test('when it is gone, then every route says so; when it is back, then sales go on by themselves', async () => {
    await system.servers.redis.kill();
    try {
      await until(async () => !(await isReady()));
      await expectOutage('redis');
    } finally {
      await system.servers.redis.restart();
    }
    const startedAt = performance.now();
    const id = await insist('bob', 'after a restart');
    expect(performance.now() - startedAt).toBeLessThan(recoveryMs);
    await expectWritten('bob', id);
  });

  test('when it is stopped in order, then it is the same', async () => {
    const before = await insist('bob', 'before a stop');
    await system.servers.redis.stop();
    try {
      await until(async () => !(await isReady()));
      await expectOutage('redis');
    } finally {
      await system.servers.redis.restart();
    }
    await expectWritten('bob', before);
    expect(await insist('bob', 'before a stop')).toBe(before);
  });

  test('when it is frozen, then nobody waits for long, and what it takes later is found under its key', async () => {
    await system.servers.redis.kill('SIGSTOP');
    try {
      await expectOutage('redis');
      await Promise.all(
        times(50, async (i) => {
          const { answer, tookMs } = await timed(purchase(system.api, sale, `cold-${i}`, { key: 'k' }));
          expect([answer.status, answer.body.code]).toEqual([503, 'unavailable']);
          expect(tookMs).toBeLessThan(patienceMs);
        }),
      );
    } finally {
      await system.servers.redis.kill('SIGCONT');
    }
    const ids = await Promise.all(times(50, (i) => insist(`cold-${i}`, 'k')));
    await Promise.all(ids.map((id, i) => expectWritten(`cold-${i}`, id)));
    const { body } = await system.api.get(`${sale.admin}/orders?limit=200&buyerId=cold-0`, admin);
    expect(body.data.map(({ id }) => id)).toEqual(ids.slice(0, 1));
  });

  test('when its connections are cut again and again, then every buyer gets one order', async () => {
    const buyers = times(60, (i) => `cut-${i}`);
    let done = 0;
    const buying = Promise.all(
      buyers.map(async (name) => {
        const id = await insist(name, 'k');
        done++;
        return id;
      }),
    );
    for (let cuts = 1; cuts <= 5; cuts++) {
      await until(() => done >= 10 * cuts, { timeoutMs: 20_000 });
      await system.redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await system.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
    const ids = await buying;
    await Promise.all(buyers.map((name, i) => expectWritten(name, ids[i] ?? '')));
    const { rows } = await system.sql.query(`SELECT buyer_id FROM orders WHERE buyer_id LIKE 'cut-%'`);
    expect(rows).toHaveLength(buyers.length);
  });
});

describe('Postgres', () => {
  test('when it refuses, then purchases go on and all else says so; when it is back, then they are written', async () => {
    await insist('bob', 'before'); // the node knows the sale
    await postgres.refuse();
    try {
      const accepted = await Promise.all(times(50, (i) => insist(`patient-${i}`, 'k', 1000)));
      await expectOutage('postgres');
      const queued = await system.api.get(`${sale.orders}/${accepted[0] ?? ''}?wait=1`, buyer('patient-0'));
      expect([queued.status, queued.body.status]).toEqual([200, 'queued']);
      const unknown = await system.api.get(`/v1/sales/01890000-0000-7000-8000-000000000000/orders`, buyer('ann'));
      expect([unknown.status, unknown.body.code]).toEqual([503, 'unavailable']);
      await postgres.heal();
      await Promise.all(accepted.map((id, i) => expectWritten(`patient-${i}`, id)));
    } finally {
      await postgres.heal();
    }
  });

  test('when its connections are cut again and again, then every accepted order is written once', async () => {
    const buyers = times(60, (i) => `sql-${i}`);
    let done = 0;
    const buying = Promise.all(
      buyers.map(async (name) => {
        await confirmed(name, await insist(name, 'k'));
        done++;
      }),
    );
    for (let cuts = 1; cuts <= 5; cuts++) {
      await until(() => done >= 10 * cuts, { timeoutMs: 20_000 });
      await postgres.cut();
    }
    await buying;
    const { rows } = await system.sql.query(`SELECT status FROM orders WHERE buyer_id LIKE 'sql-%'`);
    expect(rows).toEqual(times(buyers.length, () => ({ status: 'confirmed' })));
  });

  /** Confirms an order as soon as it is reserved, however often it takes. */
  async function confirmed(name: string, id: string): Promise<void> {
    const confirm = async (): Promise<boolean> => {
      const { status, body } = await system.api.post(`${sale.orders}/${id}/confirm`, buyer(name));
      if (status !== 200) {
        expect([...passing, 'order_not_ready']).toContain(body.code);
        return false;
      }
      journal.note(body);
      return true;
    };
    await until(confirm, { timeoutMs: 20_000, intervalMs: 50 });
  }
});
