/**
 * @needs prometheus
 * @needs ps
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import { Agent, request } from 'undici';
import { ApiClient, admin, buyer } from '../support/api-client.js';
import { OpenApiContract } from '../support/openapi-contract.js';
import { filledIn, readDashboard } from '../support/dashboard.js';
import { endHold, expectStatus, openSale, purchase, times, writtenOrder, type GivenSale } from '../support/given.js';
import { readRules, startPrometheus, type Prometheus } from '../support/prometheus.js';
import { until } from '../support/until.js';
import { startFleet, type Fleet } from './fleet.js';

/** `ALERTS=all npm test -- ops/alerts`: also the alerts that take minutes even with everything a good deal sooner. */
const all = process.env['ALERTS'] === 'all';
/** Every duration of the rules is divided by it: two minutes are 8 s, four looks. */
const speed = 15;
const scrapeMs = 1000;
const slowMs = 120_000;
const patiently = { timeoutMs: 60_000, intervalMs: 100 };
const queueMaxLagMs = 12_000;

let fleet: Fleet;
let prometheus: Prometheus;
let sql: pg.Pool;
let redis: Redis;
let api: ApiClient;
let sale: GivenSale;

beforeAll(async () => {
  fleet = await startFleet({
    RECONCILE_INTERVAL_MS: '500',
    QUEUE_MAX_ORDERS: '30',
    QUEUE_MAX_LAG_MS: String(queueMaxLagMs),
  });
  sql = new pg.Pool({ connectionString: fleet.servers.databaseUrl, max: 2 });
  redis = new Redis(fleet.servers.redisUrl);
  for (const server of [sql, redis]) server.on('error', () => undefined);
  api = new ApiClient(
    fleet.api.url,
    new OpenApiContract(JSON.parse(await readFile('docs/openapi.json', 'utf8')) as never),
  );
  sale = await openSale(api, { capacities: [10_000], maxPerBuyer: 1000, holdSeconds: 3600 });
  prometheus = await startPrometheus({ targets: fleet.targets, scrapeMs, speed });
}, slowMs);

afterAll(async () => {
  await prometheus.stop();
  await api.close();
  await sql.end();
  redis.disconnect();
  await fleet.stop();
}, slowMs);

function fires(alert: string): Promise<unknown> {
  return until(async () => (await prometheus.firing()).has(alert), patiently);
}

/** Does it again and again while the work goes on: a fault that stays, or traffic. */
async function during<T>(again: () => Promise<unknown>, everyMs: number, work: Promise<T>): Promise<T> {
  const stopping = new AbortController();
  const repeating = (async () => {
    while (!stopping.signal.aborted) {
      await again().catch(() => undefined); // a fault of ours may take the servers away
      await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  try {
    return await work;
  } finally {
    stopping.abort();
    await repeating;
  }
}

async function healed(...alerts: readonly string[]): Promise<void> {
  await until(async () => {
    const firing = await prometheus.firing();
    return alerts.every((alert) => !firing.has(alert));
  }, patiently);
}

test(
  'when a small surge passes, then every metric that rules and dashboard name is there, and no alert fires',
  async () => {
    await Promise.all(times(20, (i) => writtenOrder(api, sale, `surge-${i}`)));
    await until(
      async () => (await prometheus.query('sum(sluice_purchases_total{outcome="accepted"}) == 20')).length === 1,
      patiently,
    );
    const { panels } = await readDashboard();
    const expressions = [
      ...(await readRules()).map(({ expr }) => expr),
      ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ];
    const named = new Set(expressions.flatMap((expr) => expr.match(/\b(sluice_\w+|up\b)/g) ?? []));
    expect(named.size).toBeGreaterThan(20);
    await until(async () => {
      const unknown: string[] = [];
      for (const name of named) if ((await prometheus.query(name)).length === 0) unknown.push(name);
      expect(unknown).toEqual([]);
      return true;
    }, patiently);
    await until(async () => {
      const empty: string[] = [];
      for (const { expr } of panels.flatMap(({ targets }) => targets)) {
        if ((await prometheus.query(filledIn(expr, '10s'))).length === 0) empty.push(expr);
      }
      expect(empty).toEqual([]);
      return true;
    }, patiently);
    await until(async () => {
      expect([...(await prometheus.firing())]).toEqual([]); // what was not there yet at the start is forgiven
      return true;
    }, patiently);
  },
  slowMs,
);

describe('each alert fires by its fault', () => {
  test(
    'SluiceDeadLetters: PostgreSQL refuses an order',
    async () => {
      await sql.query(`
        CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW.buyer_id = 'poison' THEN RAISE EXCEPTION 'poisoned' USING ERRCODE = '23514'; END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER refuse_poison BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION refuse_poison()`);
      expectStatus(202, await purchase(api, sale, 'poison'));
      await fires('SluiceDeadLetters');
    },
    slowMs,
  );

  test(
    'SluiceInternalErrors: a table is not what the code takes it for',
    async () => {
      await sql.query('ALTER TABLE audit_log RENAME TO mislaid');
      expect((await fetch(`${fleet.api.url}/v1/admin/audit`, { headers: admin })).status).toBe(500);
      await sql.query('ALTER TABLE mislaid RENAME TO audit_log');
      await fires('SluiceInternalErrors');
    },
    slowMs,
  );

  test(
    'SluiceProcessRestarts: one of the processes that share a port is killed',
    async () => {
      const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', String(fleet.api.pid)]);
      process.kill(Number(stdout.trim().split(/\s+/)[0]), 'SIGKILL');
      await fires('SluiceProcessRestarts');
    },
    slowMs,
  );

  test(
    'SluiceRedisUnreachable: Redis is down',
    async () => {
      await fleet.servers.redis.stop();
      await fires('SluiceRedisUnreachable');
      await fleet.servers.redis.restart();
      await healed('SluiceRedisUnreachable');
    },
    slowMs,
  );
});

(all ? describe : describe.skip)('each alert that takes its time fires by its fault', () => {
  test(
    'SluiceNodeDown, SluiceOutboxOld, SluiceOverloaded: the only worker is frozen, and buyers keep coming',
    async () => {
      fleet.worker.signal('SIGSTOP');
      await during(
        () => Promise.all(times(5, (i) => purchase(api, sale, `late-${i}`))),
        200,
        Promise.all(['SluiceNodeDown', 'SluiceOutboxOld', 'SluiceOverloaded'].map(fires)),
      );
      fleet.worker.signal('SIGCONT');
      await healed('SluiceNodeDown', 'SluiceOutboxOld');
    },
    slowMs,
  );

  test(
    'SluiceReconcilerSilent: the reconciler is frozen',
    async () => {
      fleet.reconciler.signal('SIGSTOP');
      await fires('SluiceReconcilerSilent');
      fleet.reconciler.signal('SIGCONT');
      await healed('SluiceReconcilerSilent');
    },
    slowMs,
  );

  test(
    'SluiceEventLoopLate: the worker is given no processor for most of each second',
    async () => {
      const stutter = async (): Promise<void> => {
        fleet.worker.signal('SIGSTOP');
        await delay(650);
        fleet.worker.signal('SIGCONT');
      };
      await during(stutter, 250, fires('SluiceEventLoopLate'));
    },
    slowMs,
  );

  test(
    'SluicePurchasesSlow: buyers whose bodies come slowly',
    async () => {
      await during(() => slowPurchase(sale), 100, fires('SluicePurchasesSlow'));
    },
    slowMs,
  );

  test(
    'SluiceReconcilerFailing: holds cannot be ended',
    async () => {
      const { id } = await writtenOrder(api, sale, 'stubborn');
      await sql.query(`
        CREATE FUNCTION refuse_end() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW.status = 'expired' AND NEW.buyer_id = 'stubborn' THEN RAISE EXCEPTION 'no'; END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER refuse_end BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION refuse_end()`);
      await endHold(sql, id);
      await fires('SluiceReconcilerFailing');
      await sql.query('DROP TRIGGER refuse_end ON orders');
    },
    slowMs,
  );

  test(
    'SluiceReconcilerBehind: a table that the passes read is not there',
    async () => {
      await sql.query('ALTER TABLE stock_returns RENAME TO mislaid');
      await fires('SluiceReconcilerBehind');
      await sql.query('ALTER TABLE mislaid RENAME TO stock_returns');
      await healed('SluiceReconcilerBehind');
    },
    slowMs,
  );

  test(
    'SluiceReturnsStuck: what was delivered cannot be crossed off',
    async () => {
      const other = await openSale(api);
      const { path } = await writtenOrder(api, other, 'gone');
      await sql.query(`
        CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
        CREATE TRIGGER keep BEFORE DELETE ON stock_returns FOR EACH ROW EXECUTE FUNCTION keep()`);
      await api.post(`${path}/cancel`, buyer('gone'));
      await fires('SluiceReturnsStuck');
      await sql.query('DROP TRIGGER keep ON stock_returns');
    },
    slowMs,
  );

  test(
    'SluiceDriftStays, SluiceReloadsFlapping: somebody keeps writing into the stock in Redis',
    async () => {
      const other = await openSale(api);
      const key = `sluice:{${other.id}}:stock`;
      await during(
        () => redis.hincrby(key, other.types[0] ?? '', 1),
        300,
        Promise.all(['SluiceDriftStays', 'SluiceReloadsFlapping'].map(fires)),
      );
    },
    slowMs,
  );

  // last: the line is not mended
  test(
    'SluicePostgresUnreachable: nothing listens where PostgreSQL was',
    async () => {
      fleet.postgres.close();
      await fires('SluicePostgresUnreachable');
    },
    slowMs,
  );
});

/** A purchase by a buyer on a bad line: the rest of the body comes 700 ms after the headers. */
async function slowPurchase({ orders, types }: GivenSale): Promise<void> {
  const body = JSON.stringify({ items: [{ ticketTypeId: types[0], quantity: 1 }] });
  async function* slowly(): AsyncGenerator<string> {
    yield body.slice(0, 5);
    await delay(700);
    yield body.slice(5);
  }
  const agent = new Agent();
  const { body: answer } = await request(`${fleet.api.url}${orders}`, {
    method: 'POST',
    headers: { ...buyer('slow'), 'content-type': 'application/json' },
    body: Readable.from(slowly()),
    dispatcher: agent,
  });
  await answer.dump();
  await agent.destroy();
}
