import { SaleVisits, StockStore } from '../../src/inventory/index.js';
import { Metrics } from '../../src/observability/index.js';
import { ClaimOrder } from '../../src/orders/claim-order.js';
import { EndHolds, OrderRepository, ReturnStock, SaleTallies } from '../../src/orders/index.js';
import { OrderMarks } from '../../src/orders/order-marks.js';
import { OrderChanges } from '../../src/orders/order-changes.js';
import { LocalRefusals } from '../../src/orders/local-refusals.js';
import { OrderReader } from '../../src/orders/order-reader.js';
import { PersistOrders } from '../../src/orders/persist-orders.js';
import { AdminQueries, Database, SaleGate } from '../../src/postgres/index.js';
import { ChangeFeed, RedisServer } from '../../src/redis/index.js';
import { CompareStockPass } from '../../src/reconciliation/compare-stock.pass.js';
import { Survey } from '../../src/reconciliation/survey.js';
import {
  AuditLog,
  ChangeSale,
  MendSales,
  MoveSale,
  ReloadSale,
  SaleRepository,
  SaleSnapshots,
} from '../../src/sales/index.js';
import { LoadSale } from '../../src/sales/load-sale.js';
import { newSale, type SaleInput } from '../../src/sales/sale-edit.js';
import { StockReader } from '../../src/sales/stock-reader.js';
import { rethrow } from './rethrow.js';
import { startTestServers, type TestServers } from './servers.js';
import { until } from './until.js';
import type { LoadedTestSale } from './loaded-sale.js';

/** Mends only when told to: what a test has not asked for would run into what it asks for next. */
class DeafMender extends MendSales {
  override notice(): void {
    // the test mends
  }
}

/** The real classes on real servers, without HTTP and queue: what a property or a race is about. */
export type Backend = Awaited<ReturnType<typeof connectBackend>>;

/** A backend on servers of its own. */
export async function startBackend() {
  const servers = await startTestServers({ appendfsync: 'no' });
  const backend = await connectBackend(servers);
  return {
    ...backend,
    async stop(): Promise<void> {
      await backend.close();
      await servers.stop();
    },
  };
}

/** @param makeStock the store of the script calls, for tests in which some of them fail */
export async function connectBackend(
  servers: TestServers,
  makeStock: (redis: RedisServer) => StockStore = (redis) => new StockStore(redis),
) {
  const ignore = (): void => undefined;
  const metrics = new Metrics();
  const redis = new RedisServer([servers.redisUrl], ignore);
  const database = new Database(servers.databaseUrl, ignore);
  const gate = new SaleGate(database);
  const admin = new AdminQueries(database);
  const feed = new ChangeFeed(redis);
  const stock = makeStock(redis);
  const sales = new SaleRepository(database, admin);
  const reader = new StockReader(stock);
  const audit = new AuditLog(admin);
  const snapshots = new SaleSnapshots(sales, redis, feed);
  const loader = new LoadSale(sales, stock);
  const reload = new ReloadSale(gate, sales, reader, loader, audit, snapshots, metrics);
  const mender = new DeafMender(reload, sales, stock, new SaleVisits(metrics), metrics);
  const move = new MoveSale(gate, sales, stock, mender);
  const changes = new ChangeSale(sales, move, loader, reader, audit, snapshots);
  const orders = new OrderRepository(database);
  const marks = new OrderMarks(redis);
  const orderReader = new OrderReader(
    stock,
    orders,
    new OrderChanges(feed, metrics),
    snapshots,
    mender,
    marks,
    redis,
    feed,
  );
  const holds = new EndHolds(gate, orders, stock, audit, marks);
  const returns = new ReturnStock(database, stock);
  const refusals = new LocalRefusals(feed);
  const claims = new ClaimOrder(snapshots, orderReader, orders, stock, holds, returns, refusals, marks);
  const persist = new PersistOrders(gate, stock, new SaleTallies());
  const survey = new Survey(database, stock);
  const compare = new CompareStockPass(mender, metrics);
  await redis.open();
  return {
    servers,
    redis,
    client: redis.client,
    database,
    gate,
    stock,
    sales,
    snapshots,
    reader,
    reload,
    changes,
    orders,
    holds,
    returns,
    claims,
    persist,
    compare,

    /** What the compare pass looks at. */
    look: () => survey.take(rethrow),

    /** A sale that is open and loaded, by the shortest way. */
    async openSale(options: { capacities?: readonly number[]; maxPerBuyer?: number } = {}): Promise<LoadedTestSale> {
      const { capacities = [10], maxPerBuyer = 10 } = options;
      const draft = newSale(saleInput(capacities, maxPerBuyer));
      await database.transaction(async (tx) => {
        await sales.insert(tx, draft, null);
        await sales.update(tx, { ...draft, status: 'open' });
      });
      await reload.mend(draft.id);
      const { id, opensAt, closesAt } = draft;
      const typeIds = draft.ticketTypes.map((type) => type.id);
      const [typeId = ''] = typeIds;
      return { id, epoch: 1, typeIds, typeId, fields: { status: 'open', opensAt, closesAt, maxPerBuyer } };
    },

    /** Runs SQL that the product has no business with. */
    async sql<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
      return (await database.pool.query({ text, values: [...values] })).rows as Row[];
    },

    async restartRedis(): Promise<void> {
      await servers.redis.restart();
      await until(async () => {
        await redis.ping();
        return true;
      });
    },

    async close(): Promise<void> {
      redis.close();
      await database.close();
    },
  };
}

function saleInput(capacities: readonly number[], maxPerBuyer: number): SaleInput {
  const hourMs = 3_600_000;
  return {
    name: 'Sale',
    opensAt: new Date(Date.now() - hourMs).toISOString(),
    closesAt: new Date(Date.now() + hourMs).toISOString(),
    holdSeconds: 3600,
    maxPerBuyer,
    ticketTypes: capacities.map((capacity, i) => ({
      name: `Type ${i}`,
      priceMinor: 1000,
      currency: 'EUR',
      capacity,
      maxPerOrder: 10,
    })),
  };
}

export interface OrderFact {
  readonly id: string;
  readonly buyerId: string;
  readonly status: string;
  readonly reason: string | null;
  readonly idempotency: string | null;
  readonly bodyHash: string | null;
  readonly tickets: number;
}

export interface PostgresFacts {
  readonly epoch: number;
  readonly status: string;
  readonly maxPerBuyer: number;
  readonly loadedEpoch: number;
  readonly returnBatch: number;
  readonly types: readonly {
    id: string;
    capacity: number;
    taken: number;
    written: number;
    returned: number;
    sold: number;
  }[];
  readonly orders: readonly OrderFact[];
  readonly buyers: Readonly<Record<string, number>>;
  readonly returns: readonly { orderId: string; batch: number | null }[];
}

const facts = `
  WITH mine AS (SELECT * FROM orders WHERE sale_id = $1), items AS (
    SELECT o.id, o.status, i.ticket_type_id, i.quantity FROM mine o JOIN order_items i ON i.order_id = o.id)
  SELECT s.epoch, s.loaded_epoch AS "loadedEpoch", s.return_batch AS "returnBatch", s.status, s.max_per_buyer AS "maxPerBuyer",
    (SELECT json_agg(json_build_object('id', t.id, 'capacity', t.capacity, 'taken', t.taken, 'written', t.written,
        'returned', t.returned, 'sold',
        (SELECT coalesce(sum(quantity), 0) FROM items
          WHERE ticket_type_id = t.id AND status IN ('reserved', 'confirmed'))) ORDER BY t.position)
      FROM ticket_types t WHERE t.sale_id = s.id) AS types,
    (SELECT coalesce(json_agg(json_build_object('id', o.id, 'buyerId', o.buyer_id, 'status', o.status, 'reason', o.reason,
        'idempotency', o.idempotency, 'bodyHash', o.body_hash, 'tickets',
        (SELECT coalesce(sum(quantity), 0) FROM items WHERE id = o.id)) ORDER BY o.id), '[]') FROM mine o) AS orders,
    (SELECT coalesce(json_object_agg(buyer_id, tickets), '{}') FROM buyer_totals WHERE sale_id = s.id AND tickets > 0) AS buyers,
    (SELECT coalesce(json_agg(json_build_object('orderId', order_id, 'batch', batch) ORDER BY id), '[]')
      FROM stock_returns WHERE sale_id = s.id) AS returns
  FROM sales s WHERE s.id = $1`;

/** All of a sale in Postgres, read at one instant. */
export async function factsOf(backend: Backend, saleId: string): Promise<PostgresFacts> {
  const [row] = await backend.database.rows<PostgresFacts>({ name: 'test-facts', text: facts }, [saleId]);
  if (row === undefined) throw new Error(`no sale ${saleId}`);
  return row;
}
