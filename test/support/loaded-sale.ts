import type { Cluster, Redis } from 'ioredis';
import { v7 as newId } from 'uuid';
import type { OrderItem, SaleStatus } from '../../src/domain/index.js';
import { StockStore, type QueuedOrder, type SaleFields } from '../../src/inventory/index.js';
import { RedisServer, saleKey, saleKeys, type SaleKey } from '../../src/redis/index.js';
import { startTestRedis, type TestRedis } from './servers.js';
import { until } from './until.js';

/** The stock ledger on a Redis of its own, without Postgres. */
export interface TestLedger {
  readonly server: TestRedis;
  readonly redis: RedisServer;
  readonly client: Redis | Cluster;
  readonly stock: StockStore;
  /** Restarts Redis with its data; resolves once it is connected again. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startTestLedger(): Promise<TestLedger> {
  const server = await startTestRedis({ appendfsync: 'no' });
  const redis = new RedisServer([server.url], () => undefined);
  await redis.open();
  return {
    server,
    redis,
    client: redis.client,
    stock: new StockStore(redis),
    async restart() {
      await server.restart();
      await until(async () => {
        await redis.ping();
        return true;
      });
    },
    async stop() {
      redis.close();
      await server.remove();
    },
  };
}

export interface SaleOptions {
  readonly status?: SaleStatus;
  /** Default: open for an hour already, and for another. */
  readonly opensAt?: Date;
  readonly closesAt?: Date;
  /** Default 10. */
  readonly maxPerBuyer?: number;
  /** Tickets for sale by type; default one type with 10. */
  readonly available?: readonly number[];
}

export interface LoadedTestSale {
  readonly id: string;
  readonly epoch: number;
  readonly typeIds: readonly string[];
  /** the first ticket type */
  readonly typeId: string;
  readonly fields: SaleFields;
}

const hourMs = 3_600_000;

/** Puts a new sale into Redis, the way a reload does, at epoch 1. */
export async function loadedSale(stock: StockStore, options: SaleOptions = {}): Promise<LoadedTestSale> {
  const { status = 'open', maxPerBuyer = 10, available = [10] } = options;
  const { opensAt = new Date(Date.now() - hourMs), closesAt = new Date(Date.now() + hourMs) } = options;
  const typeIds = available.map(() => newId());
  const [typeId = ''] = typeIds;
  const sale = { id: newId(), epoch: 1, typeIds, typeId, fields: { status, opensAt, closesAt, maxPerBuyer } };
  if (!(await reloaded(stock, sale, available))) throw new Error('the sale was not loaded');
  return sale;
}

/** Loads the sale as it was made, with nothing sold and an empty outbox. @returns what `load` says */
export async function reloaded(
  stock: StockStore,
  { id, epoch, typeIds, fields }: LoadedTestSale,
  available: readonly number[],
): Promise<boolean> {
  const token = newId();
  await stock.fence(id, token);
  await stock.staged(id, token, epoch).begin();
  const unsold = new Map(typeIds.map((type, i) => [type, available[i] ?? 0]));
  return stock.load(id, token, epoch, { fields, unsold, returnBatch: 0 });
}

export interface OrderOptions {
  readonly id?: string;
  readonly buyerId?: string;
  /** Quantities by ticket type, in the sale's order; 0 leaves it out. Default one of the first. */
  readonly quantities?: readonly number[];
  readonly key?: { readonly field: string; readonly bodyHash: string };
  readonly answers?: QueuedOrder['answers'];
}

/** An order as the API node hands it to `reserve`. */
export function draftOf(sale: { readonly typeIds: readonly string[] }, options: OrderOptions = {}): QueuedOrder {
  const { id = newId(), buyerId = 'buyer', quantities = [1], key, answers = {} } = options;
  const items: OrderItem[] = [];
  for (const [i, quantity] of quantities.entries()) {
    const ticketTypeId = sale.typeIds[i];
    if (ticketTypeId !== undefined && quantity > 0) items.push({ ticketTypeId, quantity, unitPriceMinor: 1000 });
  }
  const totalMinor = items.reduce((sum, item) => sum + item.quantity * item.unitPriceMinor, 0);
  const keyFields = key === undefined ? {} : { idempotency: key.field, bodyHash: key.bodyHash };
  return { id, buyerId, items, totalMinor, currency: 'EUR', answers, ...keyFields };
}

/** What the hash `stock` of an image holds, by ticket type; what is 0 is left out. */
export function stockCounts(
  stock: object,
): Record<'available' | 'queued' | 'settled' | 'returned', Record<string, number>> {
  const counts = { available: {}, queued: {}, settled: {}, returned: {} } as ReturnType<typeof stockCounts>;
  for (const [field, count] of Object.entries(stock)) {
    const [id = '', what = 'available'] = field.split(':');
    if (id !== '' && Number(count) !== 0) counts[what as keyof typeof counts][id] = Number(count);
  }
  return counts;
}

/** All that Redis holds of a sale, to compare. */
export async function imageOf(client: Redis | Cluster, saleId: string): Promise<Record<SaleKey, object>> {
  const images = await Promise.all(
    saleKeys.map(async (key): Promise<[SaleKey, object]> => {
      const name = saleKey(saleId, key);
      const isSorted = key === 'queued-at';
      return [key, isSorted ? await client.zrange(name, '0', '-1') : await client.hgetall(name)];
    }),
  );
  return Object.fromEntries(images) as Record<SaleKey, object>;
}
