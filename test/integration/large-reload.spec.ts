import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { v7 as newId } from 'uuid';
import { StockStore } from '../../src/inventory/index.js';
import { Metrics } from '../../src/observability/index.js';
import { AdminQueries, Database, SaleGate, type Queryable, type TransactionOptions } from '../../src/postgres/index.js';
import { RedisServer, saleKey } from '../../src/redis/index.js';
import { AuditLog, ReloadSale } from '../../src/sales/index.js';
import { LoadSale } from '../../src/sales/load-sale.js';
import { StockReader } from '../../src/sales/stock-reader.js';
import { startBackend } from '../support/backend.js';
import { draftOf } from '../support/loaded-sale.js';
import { times } from '../support/given.js';

const buyers = 30_000;
const silentMs = 1000;
const answerMs = 200;

/** Gives up transactions that are silent, five times as soon. */
class ImpatientDatabase extends Database {
  override transaction<T>(work: (tx: Queryable) => Promise<T>, options?: TransactionOptions): Promise<T> {
    const text = `SET LOCAL idle_in_transaction_session_timeout = ${silentMs}`;
    return super.transaction(async (tx) => {
      await tx.rows({ name: 'impatience', text });
      return work(tx);
    }, options);
  }
}

/** A Redis that is so far away. */
class DistantRedis extends RedisServer {
  override async call<T>(commands: Parameters<RedisServer['call']>[0]): Promise<T> {
    await delay(answerMs);
    return (await super.call(commands)) as T;
  }
}

let backend: Awaited<ReturnType<typeof startBackend>>;
let database: Database;
let redis: RedisServer;
let reload: ReloadSale;
beforeAll(async () => {
  backend = await startBackend();
  const ignore = (): void => undefined;
  database = new ImpatientDatabase(backend.servers.databaseUrl, ignore);
  redis = new DistantRedis([backend.servers.redisUrl], ignore);
  await redis.open();
  const stock = new StockStore(redis);
  const audit = new AuditLog(new AdminQueries(database));
  const { sales, snapshots } = backend;
  const loader = new LoadSale(sales, stock);
  reload = new ReloadSale(
    new SaleGate(database),
    sales,
    new StockReader(stock),
    loader,
    audit,
    snapshots,
    new Metrics(),
  );
});
afterAll(async () => {
  redis.close();
  await database.close();
  await backend.stop();
});

test('when a sale is so large that it is prepared for longer than a transaction may be silent, then it is reloaded all the same', async () => {
  const sale = await backend.openSale({ capacities: [1_000_000] });
  await backend.sql(
    `INSERT INTO buyer_totals (sale_id, buyer_id, tickets) SELECT $1, 'buyer-' || n, 1 FROM generate_series(1, ${buyers}) n`,
    [sale.id],
  );
  const waiting = times(600, (i) => draftOf(sale, { buyerId: `late-${i}` }));
  await Promise.all(waiting.map((order) => backend.stock.reserve(sale.id, order)));
  await backend.stock.fence(sale.id, newId());

  const startedAt = performance.now();
  expect(await reload.mend(sale.id)).toBe(true);
  // or nothing is shown
  expect(performance.now() - startedAt).toBeGreaterThan(silentMs);
  expect(await backend.client.hlen(saleKey(sale.id, 'buyers'))).toBe(1 + buyers + waiting.length);
  expect(await backend.client.zcard(saleKey(sale.id, 'queued-at'))).toBe(waiting.length);
  expect((await backend.stock.reserve(sale.id, draftOf(sale))).kind).toBe('reserved');
});
