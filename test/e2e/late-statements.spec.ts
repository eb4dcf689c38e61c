import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startPostgres, type EmbeddedServer } from '../../src/embedded/index.js';
import { OrderMarks } from '../../src/orders/index.js';
import { migrate } from '../../src/postgres/migrate.js';
import { admin, buyer, type Answer } from '../support/api-client.js';
import { expectStatus, openSale, writtenOrder, type GivenSale } from '../support/given.js';
import { startTestRedis } from '../support/servers.js';
import { startSystem, type System } from '../support/system.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

/** A minute in production: so long a change is remembered once it is known how it ended. */
const keptMs = 200;

let folder: string;
let postgres: EmbeddedServer;
let system: System;
let sale: GivenSale;

// A PostgreSQL of its own: others would wait for a process of it that stands still.
beforeAll(async () => {
  folder = await temporaryFolder('late-statements');
  postgres = await startPostgres({ dataDir: folder, durable: false });
  await migrate(postgres.url);
  const redis = await startTestRedis();
  const stop = (): Promise<void> => redis.remove();
  const servers = { databaseUrl: postgres.url, redisUrl: redis.url, redis, stop };
  system = await startSystem({ apis: 2, servers });
  for (const node of system.nodes) node.get(OrderMarks, { strict: false }).keptMs = keptMs;
  sale = await openSale(system.api);
});
afterAll(async () => {
  await system.stop();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

/**
 * Has PostgreSQL stand still in the middle of a request's statement, which waits for the order's row, until the request has been
 * given up. @returns what lets the statement go on
 */
async function standStill(orderId: string, request: () => Promise<Answer>): Promise<() => void> {
  const holder = await system.sql.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('SELECT FROM orders WHERE id = $1 FOR UPDATE', [orderId]);
    const answered = request();
    const pid = await until(async () => {
      const { rows } = await system.sql.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'sluice'`,
      );
      return rows[0]?.pid;
    });
    process.kill(pid, 'SIGSTOP');
    await holder.query('COMMIT');
    expect((await answered).status).toBe(503);
    return () => process.kill(pid, 'SIGCONT');
  } finally {
    holder.release();
  }
}

test('when PostgreSQL runs a confirm long after it was given up, then no node tells a copy from before', async () => {
  const { id, path } = await writtenOrder(system.api, sale, 'ann');
  const goOn = await standStill(id, () => system.api.post(`${path}/confirm`, buyer('ann')));
  const statuses = (): Promise<string[]> =>
    Promise.all(system.apis.map(async (api) => expectStatus(200, await api.get(path, buyer('ann'))).body.status));
  try {
    // a node without a mark to warn it would keep what it reads now for 10 s
    expect(await statuses()).toEqual(['reserved', 'reserved']);
  } finally {
    goOn();
  }
  await until(async () => {
    const { rows } = await system.sql.query('SELECT status FROM orders WHERE id = $1', [id]);
    return (rows[0] as { status: string }).status === 'confirmed';
  });
  expect(await statuses()).toEqual(['confirmed', 'confirmed']);
  expectStatus(200, await system.api.post(`${sale.admin}/orders/${id}/cancel`, admin));
  expect(await statuses()).toEqual(['cancelled', 'cancelled']);
});

test('when a change is known to have ended, then its mark is soon gone', async () => {
  const { id, path } = await writtenOrder(system.api, sale, 'bob');
  expectStatus(200, await system.api.post(`${path}/confirm`, buyer('bob')));
  await until(async () => (await system.redis.exists(`sluice:{${sale.id}}:changed:${id}`)) === 0);
});
