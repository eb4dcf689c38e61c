import { Redis } from 'ioredis';
import pg from 'pg';
import { parseEntry } from '../../inventory/outbox-entry.js';
import { saleKey, stampField } from '../../redis/index.js';
import type { DemoSale } from './sale.js';
import type { DemoSystem } from './system.js';

/** Orders of the sale by status, in Postgres. */
export interface OrderCounts {
  readonly reserved: number;
  readonly confirmed: number;
  readonly expired: number;
}

export interface Audit extends OrderCounts {
  /** tickets of reserved and confirmed orders */
  readonly sold: number;
  /** tickets of reserved and confirmed orders beyond the capacity of their type */
  readonly oversold: number;
  /** orders that were answered 202 and are neither in Postgres nor in the outbox */
  readonly lost: number;
  /** tickets that are nowhere, or in two places: |capacity − available − outbox − taken| over the ticket types */
  readonly drift: number;
}

/** Looks into Redis and Postgres past the application. */
export class Books {
  private readonly pool: pg.Pool;
  private readonly redis: Redis;

  constructor(
    { databaseUrl, redisUrl }: DemoSystem,
    private readonly sale: DemoSale,
  ) {
    this.pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
    this.redis = new Redis(redisUrl);
    // a lost connection also fails the command under way
    this.pool.on('error', () => undefined);
    this.redis.on('error', () => undefined);
  }

  async orders(): Promise<OrderCounts> {
    const rows = await this.rows<{ status: string; orders: number }>(
      'SELECT status, count(*)::int AS orders FROM orders WHERE sale_id = $1 GROUP BY status',
    );
    const of = (status: string): number => rows.find((row) => row.status === status)?.orders ?? 0;
    return { reserved: of('reserved'), confirmed: of('confirmed'), expired: of('expired') };
  }

  /** True when nothing is on its way from one server to the other. */
  async isSettled(): Promise<boolean> {
    const [{ returns } = { returns: 1 }] = await this.rows<{ returns: number }>(
      'SELECT count(*)::int AS returns FROM stock_returns WHERE sale_id = $1',
    );
    return returns === 0 && (await this.redis.zcard(saleKey(this.sale.id, 'queued-at'))) === 0;
  }

  /** Tickets for sale by ticket type, in Redis. */
  async available(): Promise<Map<string, number>> {
    const stock = await this.redis.hgetall(saleKey(this.sale.id, 'stock'));
    return new Map(this.sale.ticketTypes.map(({ id }) => [id, Number(stock[id] ?? 0)]));
  }

  /** @param accepted ids of the orders that were answered 202 */
  async audit(accepted: readonly string[]): Promise<Audit> {
    const entries = await this.redis.hgetall(saleKey(this.sale.id, 'queued'));
    const outbox = Object.entries(entries).filter(([id]) => id !== stampField);
    const ids = [...new Set([...accepted, ...outbox.map(([id]) => id)])];
    const written = new Set(
      (await this.rows<{ id: string }>('SELECT id FROM orders WHERE sale_id = $1 AND id = ANY($2::uuid[])', [ids])).map(
        ({ id }) => id,
      ),
    );
    const queued = new Map<string, number>();
    for (const [id, entry] of outbox) {
      if (written.has(id)) continue;
      for (const { ticketTypeId, quantity } of parseEntry(entry).items) {
        queued.set(ticketTypeId, (queued.get(ticketTypeId) ?? 0) + quantity);
      }
    }
    const types = await this.rows<{ id: string; capacity: number; taken: number; sold: number }>(
      `SELECT t.id, t.capacity, t.taken,
         coalesce(sum(i.quantity) FILTER (WHERE o.status IN ('reserved', 'confirmed')), 0)::int AS sold
       FROM ticket_types t LEFT JOIN order_items i ON i.ticket_type_id = t.id LEFT JOIN orders o ON o.id = i.order_id
       WHERE t.sale_id = $1 GROUP BY t.id`,
    );
    const available = await this.available();
    const sum = (of: (type: (typeof types)[number]) => number): number =>
      types.reduce((total, type) => total + of(type), 0);
    return {
      ...(await this.orders()),
      sold: sum(({ sold }) => sold),
      oversold: sum(({ sold, capacity }) => Math.max(0, sold - capacity)),
      lost: accepted.filter((id) => !written.has(id) && !(id in entries)).length,
      drift: sum(({ id, capacity, taken }) =>
        Math.abs(capacity - (available.get(id) ?? 0) - (queued.get(id) ?? 0) - taken),
      ),
    };
  }

  async close(): Promise<void> {
    this.redis.disconnect();
    await this.pool.end();
  }

  private async rows<Row extends object>(text: string, more: readonly unknown[] = []): Promise<Row[]> {
    return (await this.pool.query<Row>(text, [this.sale.id, ...more])).rows;
  }
}
