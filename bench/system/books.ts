import { Redis } from 'ioredis';
import pg from 'pg';
import { saleKey } from '../../src/redis/keys.js';
import { becomesTrue } from '../../src/embedded/poll.js';
import type { BenchSale } from './sale.js';
import type { BenchServers } from './servers.js';

const settledTimeoutMs = 300_000;
const pollMs = 5;

/** Looks into Sluice's Redis and Postgres past the application. */
export class Books {
  readonly pool: pg.Pool;
  readonly redis: Redis;

  constructor({ sluice }: BenchServers) {
    this.pool = new pg.Pool({ connectionString: sluice.databaseUrl, max: 2 });
    this.redis = new Redis(sluice.redisUrl);
    // a lost connection also fails the command under way
    this.pool.on('error', () => undefined);
    this.redis.on('error', () => undefined);
  }

  /** Tickets of the sale's committed orders. */
  async taken({ ticketTypeId }: BenchSale): Promise<number> {
    const { rows } = await this.pool.query<{ taken: number }>({
      name: 'taken',
      text: 'SELECT taken FROM ticket_types WHERE id = $1',
      values: [ticketTypeId],
    });
    return rows[0]?.taken ?? 0;
  }

  /** Waits until so many tickets are committed. @returns `Date.now()` of the first look that saw them. @throws Error after 5 minutes */
  async whenTaken(sale: BenchSale, tickets: number): Promise<number> {
    const all = async (): Promise<boolean> => (await this.taken(sale)) >= tickets;
    if (!(await becomesTrue(all, { timeoutMs: settledTimeoutMs, intervalMs: pollMs }))) {
      throw new Error(`only ${await this.taken(sale)} of ${tickets} tickets were written`);
    }
    return Date.now();
  }

  /** Tickets of the sale's orders that are reserved or confirmed, counted one by one. */
  async sold({ id }: BenchSale): Promise<number> {
    const { rows } = await this.pool.query<{ sold: number }>(
      `SELECT coalesce(sum(i.quantity), 0)::int AS sold FROM orders o JOIN order_items i ON i.order_id = o.id
       WHERE o.sale_id = $1 AND o.status IN ('reserved', 'confirmed')`,
      [id],
    );
    return rows[0]?.sold ?? 0;
  }

  private outbox(sale: BenchSale): Promise<number> {
    return this.redis.zcard(saleKey(sale.id, 'queued-at'));
  }

  /** Waits until the sale's outbox is empty, so that nothing works on in the background. @throws Error after 5 minutes */
  async whenSettled(sale: BenchSale): Promise<void> {
    const empty = async (): Promise<boolean> => (await this.outbox(sale)) === 0;
    if (!(await becomesTrue(empty, { timeoutMs: settledTimeoutMs, intervalMs: 50 }))) {
      throw new Error(`${await this.outbox(sale)} orders stay in the outbox`);
    }
  }

  async close(): Promise<void> {
    this.redis.disconnect();
    await this.pool.end();
  }
}
