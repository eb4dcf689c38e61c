import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { DurabilityMode } from '../../src/config/index.js';
import { DomainError, type ErrorCode, type Order, type Sale, type SaleStep } from '../../src/domain/index.js';
import { bodyHash, idempotencyField } from '../../src/http/index.js';
import { StockStore } from '../../src/inventory/index.js';
import { EndHolds, OrderIntake, PersistOrders, SaleTallies } from '../../src/orders/index.js';
import { newId } from '../../src/observability/index.js';
import { PurchaseTickets, type PurchaseAnswer, type PurchaseRequest } from '../../src/orders/purchase-tickets.js';
import { Database, SaleGate } from '../../src/postgres/index.js';
import type { OrdersJob } from '../../src/queue/index.js';
import { queuePrefix, RedisServer, saleKey } from '../../src/redis/index.js';
import { CreateSale } from '../../src/sales/create-sale.js';
import { ChangeSale, moved, ReloadSale, SaleRepository } from '../../src/sales/index.js';
import { newSale, type SaleInput } from '../../src/sales/sale-edit.js';
import { Journal } from '../support/invariants.js';
import { startTestServers, type TestServers } from '../support/servers.js';
import { MortalProcess } from './mortal-process.js';

const hourMs = 3_600_000;
/** What every sale allows a buyer at the most. */
export const maxPerBuyer = 4;

export interface PurchaseOptions {
  /** of each ticket type; default one of the first */
  readonly quantities?: readonly number[];
  readonly key?: string;
}

/** A store of a process that always dies before it settles. */
class UnsettlingStock extends StockStore {
  override async settle(): Promise<number> {
    return 0;
  }
}

/** The servers, and what was there before the process began that is to die: other processes made it, which live on. */
export class Stage {
  /** what buyers were told, in this scene */
  journal = new Journal();
  /** orders that went with Redis's data */
  destroyed = new Set<string>();

  private readonly queue: Queue<OrdersJob>;

  private constructor(
    readonly servers: TestServers,
    readonly redis: Redis,
    readonly sql: pg.Pool,
    private readonly other: MortalProcess,
  ) {
    this.queue = new Queue('orders', { connection: redis, prefix: queuePrefix, skipVersionCheck: true });
  }

  static async build(): Promise<Stage> {
    const servers = await startTestServers({ appendfsync: 'no' });
    const sql = new pg.Pool({ connectionString: servers.databaseUrl, max: 2 });
    return new Stage(
      servers,
      new Redis(servers.redisUrl, { maxRetriesPerRequest: null }),
      sql,
      await MortalProcess.start(servers),
    );
  }

  async clear(): Promise<void> {
    this.journal = new Journal();
    this.destroyed = new Set();
    await this.redis.flushall();
    await this.sql.query(
      'DELETE FROM stock_returns; DELETE FROM payments; DELETE FROM orders; DELETE FROM sales; DELETE FROM audit_log',
    );
  }

  async close(): Promise<void> {
    await this.other.stop();
    await this.queue.close();
    await this.sql.end();
    this.redis.disconnect();
    await this.servers.stop();
  }

  get<T>(part: abstract new (...args: never[]) => T): T {
    return this.other.get(part);
  }

  async rows<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.sql.query<Row>(text, [...values])).rows;
  }

  async draft(): Promise<Sale> {
    return (await this.get(CreateSale).execute('admin', saleInput(), null)).sale;
  }

  /** A sale as one that was created and opened long ago. */
  async openSale(capacities?: readonly number[]): Promise<Sale> {
    const sale = { ...newSale(saleInput(capacities)), status: 'open' as const };
    await this.get(Database).transaction(async (tx) => {
      await this.get(SaleRepository).insert(tx, sale, null);
      await this.get(SaleRepository).update(tx, sale);
    });
    await this.get(ReloadSale).mend(sale.id);
    return sale;
  }

  async move(sale: Sale, step: SaleStep): Promise<Sale> {
    return this.get(ChangeSale).execute(sale.id, { actor: 'admin', action: `sale.${step}` }, (now) => moved(now, step));
  }

  /** An order that was accepted and queued. */
  async accepted(sale: Sale, buyerId: string, options: PurchaseOptions = {}): Promise<Order> {
    const order = orderOf(await this.get(PurchaseTickets).execute(purchaseOf(sale, buyerId, options)));
    await this.get(OrderIntake).flush();
    this.journal.note(order);
    return order;
  }

  /** An order that was accepted, while its job was lost. */
  async orphan(sale: Sale, buyerId: string, options: PurchaseOptions = {}): Promise<Order> {
    const order = await this.accepted(sale, buyerId, options);
    await this.redis.del(...(await this.redis.keys('{sluice}:orders:*')));
    return order;
  }

  /** An order that a worker has written and settled; its job is still there, as after a crash, and comes again. */
  async written(sale: Sale, buyerId: string, options: PurchaseOptions = {}): Promise<Order> {
    const order = await this.accepted(sale, buyerId, options);
    await this.get(PersistOrders).execute(sale.id, [order.id]);
    return order;
  }

  /** An order that is in Postgres and still in the outbox: its worker died in between. */
  async unsettled(sale: Sale, buyerId: string, status: 'reserved' | 'rejected' = 'reserved'): Promise<Order> {
    const order = await this.accepted(sale, buyerId);
    const dying = new PersistOrders(
      this.get(SaleGate),
      new UnsettlingStock(this.get(RedisServer)),
      this.get(SaleTallies),
    );
    if (status === 'reserved') await dying.execute(sale.id, [order.id]);
    else await dying.reject(sale.id, [order.id], 'not_durable');
    return order;
  }

  /** An order that was cancelled in Postgres, while Redis still waits for its stock. */
  async undelivered(sale: Sale, buyerId: string, options: PurchaseOptions = {}): Promise<Order> {
    const order = await this.written(sale, buyerId, options);
    await this.get(EndHolds).cancel(sale.id, order.id, ['reserved'], 'running');
    return order;
  }

  async endHold(order: Order): Promise<void> {
    await this.rows('UPDATE orders SET hold_expires_at = clock_timestamp() WHERE id = $1', [order.id]);
  }

  /** Makes what waits in outboxes look a minute older, so that nobody needs to wait for it to count as an orphan. */
  async ageOutboxes(): Promise<void> {
    for (const key of await this.redis.keys('sluice:{*}:queued-at')) {
      for (const id of await this.redis.zrange(key, '0', '-1')) await this.redis.zadd(key, 'XX', 'INCR', -60_000, id);
    }
  }

  /** How many orders of outboxes are no dead letters. */
  async waitingOrders(): Promise<number> {
    const waiting = new Set<string>();
    for (const key of await this.redis.keys('sluice:{*}:queued-at')) {
      for (const id of await this.redis.zrange(key, '0', '-1')) waiting.add(id);
    }
    if (waiting.size === 0) return 0;
    for (const { id } of await this.rows<{ id: string }>(
      'SELECT id FROM dead_letters WHERE attempts >= 5 AND NOT discarded',
    )) {
      waiting.delete(id);
    }
    return waiting.size;
  }

  /** Takes the jobs that wait out of the queue. */
  async takeJobs(): Promise<OrdersJob[]> {
    const jobs = await this.queue.getJobs(['wait', 'delayed']);
    await Promise.all(jobs.map((job) => job.remove()));
    return jobs.map(({ data }) => data);
  }

  /** The orders of a buyer as Postgres has them. */
  ordersOf(sale: Sale, buyerId: string): Promise<{ id: string; status: string; reason: string | null }[]> {
    return this.rows('SELECT id, status, reason FROM orders WHERE sale_id = $1 AND buyer_id = $2 ORDER BY id', [
      sale.id,
      buyerId,
    ]);
  }

  async statusOf(order: { readonly id: string }): Promise<string | undefined> {
    const [row] = await this.rows<{ status: string }>('SELECT status FROM orders WHERE id = $1', [order.id]);
    return row?.status;
  }

  saleKey(sale: Sale, ...[key]: [Parameters<typeof saleKey>[1]]): string {
    return saleKey(sale.id, key);
  }
}

export function saleInput(capacities: readonly number[] = [10, 10]): SaleInput {
  return {
    name: 'Sale',
    opensAt: new Date(Date.now() - hourMs).toISOString(),
    closesAt: new Date(Date.now() + hourMs).toISOString(),
    holdSeconds: 600,
    maxPerBuyer,
    ticketTypes: capacities.map((capacity, i) => ({
      name: `Type ${i}`,
      priceMinor: 1000,
      currency: 'EUR',
      capacity,
      maxPerOrder: 4,
    })),
  };
}

export function purchaseOf(sale: Sale, buyerId: string, options: PurchaseOptions = {}): PurchaseRequest {
  const { quantities = [1], key } = options;
  const items = sale.ticketTypes.flatMap(({ id }, i) =>
    quantities[i] === undefined || quantities[i] === 0 ? [] : [{ ticketTypeId: id, quantity: quantities[i] }],
  );
  const idempotency =
    key === undefined ? null : { field: idempotencyField(buyerId, key), bodyHash: bodyHash({ items }) };
  return { orderId: newId(), saleId: sale.id, buyerId, items, answers: {}, idempotency };
}

/** What the client of the process that died heard. */
export type Outcome =
  | { readonly kind: 'answered'; readonly answer: unknown }
  | { readonly kind: 'refused'; readonly code: ErrorCode }
  | { readonly kind: 'silence' };

/** One use case on one stage. */
export interface Scene {
  readonly sale: Sale;
  /** What the process does that dies. */
  run(process: MortalProcess): Promise<unknown>;
  /** what the process waits for before a 202; default: nothing */
  readonly durability?: DurabilityMode;
  /** The refusal that is the right answer of `run`. */
  readonly refusal?: ErrorCode;
  /** The same client asks the same again of another process. */
  repeat?(process: MortalProcess, outcome: Outcome): Promise<unknown>;
  /** What must be true once the system is quiet, beside the invariants. */
  verify?(outcome: Outcome): Promise<void>;
  /** When the reconciler may have to reload the sale; default: never, whatever dies. */
  readonly reloads?: 'after a crash' | 'always';
  /** reasons for which Postgres may refuse orders here */
  readonly reasons?: readonly string[];
}

export type Scenario = (stage: Stage) => Promise<Scene>;

/** @throws the refusal, where it is one */
export function orderOf(answer: PurchaseAnswer | DomainError): Order {
  if (answer instanceof DomainError) throw answer;
  return answer.order;
}
