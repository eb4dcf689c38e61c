import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { saleKey } from '../../../src/redis/index.js';
import { until } from '../../support/until.js';
import { inDatabase } from './database.js';
import type { ChaosSale } from './sales.js';

/** PostgreSQL may be away for a while. */
const patienceMs = 60_000;
const retryMs = 500;
const lookEveryMs = 250;
/** Holds run out once all are written, which takes as long as it took before, or twice, and Redis has read them. */
const lapse = { leastMs: 4000, eachMs: 0.05, timesWritten: 2 };

/**
 * Orders of one ticket each, as if so many had bought, each under an idempotency key, which a reload has to read. Ids are UUIDv7.
 * $1 sale, $2 ticket type, $3 how many, $4 prefix of the buyers, $5 status, $6 ms until the hold runs out.
 */
const writeOrders = `
  WITH made AS (
    INSERT INTO orders (id, sale_id, buyer_id, status, total_minor, currency, answers, idempotency, body_hash, max_per_buyer,
      hold_expires_at, created_at, updated_at)
    SELECT overlay(replace(gen_random_uuid()::text, '-', '')
        PLACING lpad(to_hex(floor(extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '7' FROM 1)::uuid,
      $1::uuid, $4::text || n, $5, 1000, 'EUR', '{}', left(encode(sha256(convert_to($4::text || n, 'UTF8')), 'hex'), 22), 'none', 1,
      now() + $6::int * interval '1 millisecond', now(), now()
    FROM generate_series(1, $3::int) n RETURNING id
  ), items AS (
    INSERT INTO order_items (order_id, ticket_type_id, position, quantity, unit_price_minor)
    SELECT id, $2::uuid, 0, 1, 1000 FROM made
  )
  SELECT id FROM made`;

/** Their tickets, $1 to $4 as above. With its epoch the sale differs from Redis's for certain, and the next comparison reloads it. */
const takeStock = `
  WITH totals AS (
    INSERT INTO buyer_totals (sale_id, buyer_id, tickets) SELECT $1::uuid, $4::text || n, 1 FROM generate_series(1, $3::int) n
  ), type AS (
    UPDATE ticket_types SET taken = taken + $3::int WHERE id = $2::uuid
  )
  UPDATE sales SET epoch = epoch + 1 WHERE id = $1::uuid`;

/** So many rows at a blow would leave the planner with none; those that come one by one are noticed on the way. */
const analyze = 'ANALYZE orders, order_items, buyer_totals';

const inPostgres = `
  SELECT s.epoch, t.capacity - t.taken AS free,
    (SELECT count(*)::int FROM orders WHERE sale_id = s.id AND status = 'reserved') AS holds,
    (SELECT count(*)::int FROM stock_returns WHERE sale_id = s.id) AS returns
  FROM sales s JOIN ticket_types t ON t.sale_id = s.id WHERE s.id = $1`;

interface Held {
  readonly orderIds: readonly string[];
  /** when all of them run out, ms since 1970 */
  readonly lapsesAt: number;
}

/** The sale that is filled with holds at a blow. Nobody buys in it: its orders are written past the application. */
export class CrowdSale {
  private filled = 0;
  private writingMs = 0;
  private readonly typeId: string;

  constructor(
    private readonly servers: { readonly databaseUrl: string; readonly redisUrl: string },
    readonly sale: ChaosSale,
  ) {
    this.typeId = sale.ticketTypes[0]?.id ?? '';
  }

  /** Gives it orders that expired long ago: it is large from the start. */
  async addExpired(count: number): Promise<void> {
    const startedAt = performance.now();
    await inDatabase(this.servers.databaseUrl, async (client) => {
      await client.query(writeOrders, [this.sale.id, this.typeId, count, 'old-', 'expired', 0]);
      await client.query(analyze);
    });
    this.writingMs = performance.now() - startedAt;
  }

  /** Holds as many tickets as are free, `count` at the most. Tries again while PostgreSQL is away. */
  async hold(count: number): Promise<Held> {
    const { id } = this.sale;
    const lapseMs = Math.round(lapse.leastMs + count * lapse.eachMs + this.writingMs * lapse.timesWritten);
    return until(
      () =>
        inDatabase(this.servers.databaseUrl, async (client) => {
          const buyers = `held-${++this.filled}-`;
          await client.query('BEGIN');
          await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [id]);
          const { rows } = await client.query<{ free: number; now: Date }>(
            'SELECT capacity - taken AS free, now() FROM ticket_types WHERE id = $1',
            [this.typeId],
          );
          const holds = Math.min(count, rows[0]?.free ?? 0);
          const lapsesAt = (rows[0]?.now.getTime() ?? 0) + lapseMs;
          const made = await client.query<{ id: string }>(writeOrders, [
            id,
            this.typeId,
            holds,
            buyers,
            'reserved',
            lapseMs,
          ]);
          await client.query(takeStock, [id, this.typeId, holds, buyers]);
          await client.query('COMMIT');
          await client.query(analyze);
          return { orderIds: made.rows.map((order) => order.id), lapsesAt };
        }),
      { timeoutMs: patienceMs, intervalMs: retryMs },
    );
  }

  /**
   * Waits until Redis has the sale at PostgreSQL's epoch, or a later one than `after`, and offers what is not taken.
   * @param withHolds holds may run meanwhile. @returns null: so it is; else what lacks when the time is up
   */
  async isWell(forMs: number, { withHolds = false, after = -1 } = {}): Promise<string | null> {
    const redis = new Redis(this.servers.redisUrl, { maxRetriesPerRequest: 1, commandTimeout: 2000 });
    redis.on('error', () => undefined); // the command fails too
    try {
      for (const deadline = performance.now() + forMs; ;) {
        const lacking = await this.whatLacks(redis, withHolds, after).catch(String);
        if (lacking === null || performance.now() > deadline) return lacking;
        await delay(lookEveryMs);
      }
    } finally {
      redis.disconnect();
    }
  }

  /** As PostgreSQL has it, once it is there. */
  async epoch(): Promise<number> {
    const { epoch } = await until(() => this.row(), { timeoutMs: patienceMs, intervalMs: retryMs });
    return epoch;
  }

  private async whatLacks(redis: Redis, withHolds: boolean, after: number): Promise<string | null> {
    const { epoch, free, holds, returns } = await this.row();
    const [inRedis, fence] = await redis.hmget(saleKey(this.sale.id, 'sale'), 'epoch', 'fence');
    const offered = Number(await redis.hget(saleKey(this.sale.id, 'stock'), this.typeId));
    const isWhole = epoch > after && Number(inRedis) === epoch && fence === null && offered === free;
    if (isWhole && (withHolds || (holds === 0 && returns === 0))) return null;
    return `epoch ${inRedis ?? 'none'} of ${epoch}, ${offered} of ${free} for sale, ${holds} holds, ${returns} returns`;
  }

  private async row(): Promise<{ epoch: number; free: number; holds: number; returns: number }> {
    const { rows } = await inDatabase(this.servers.databaseUrl, (client) =>
      client.query<{ epoch: number; free: number; holds: number; returns: number }>(inPostgres, [this.sale.id]),
    );
    if (rows[0] === undefined) throw new Error('the sale is gone');
    return rows[0];
  }
}
