import { Worker, type Job } from 'bullmq';
import { fastify } from 'fastify';
import { Redis } from 'ioredis';
import pg from 'pg';

/**
 * The consumer of FlashForm's way, a process of its own: ten jobs in hand at once, each one order and one transaction, all of them
 * upon the one hot row of the ticket type. Environment: PORT (for /health/ready), REDIS_URL, DATABASE_URL.
 */
export interface OneOrderJob {
  readonly id: string;
  readonly saleId: string;
  readonly ticketTypeId: string;
  readonly buyerId: string;
  readonly key: string;
}

/** FlashForm's number of consumers. */
const consumers = 10;

const take = 'UPDATE ticket_types SET taken = taken + 1 WHERE id = $1 AND taken + 1 <= capacity';
const insertOrder = `
  INSERT INTO orders (id, sale_id, buyer_id, status, total_minor, currency, answers, idempotency, body_hash, max_per_buyer,
    hold_expires_at, created_at, updated_at)
  VALUES ($1, $2, $3, 'reserved', 4500, 'EUR', '{}', $4, $4, 4, now() + interval '1 day', now(), now())`;
const insertItem = `
  INSERT INTO order_items (order_id, ticket_type_id, position, quantity, unit_price_minor) VALUES ($1, $2, 0, 1, 4500)`;
const countBuyer = `
  INSERT INTO buyer_totals AS t (sale_id, buyer_id, tickets) VALUES ($1, $2, 1)
  ON CONFLICT (sale_id, buyer_id) DO UPDATE SET tickets = t.tickets + 1`;

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: consumers });
const connection = new Redis(process.env.REDIS_URL ?? '', { maxRetriesPerRequest: null });

async function write({ data }: Job<OneOrderJob>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rowCount } = await client.query({ name: 'take', text: take, values: [data.ticketTypeId] });
    if (rowCount === 1) {
      const order = [data.id, data.saleId, data.buyerId, data.key];
      await client.query({ name: 'insert-order', text: insertOrder, values: order });
      await client.query({ name: 'insert-item', text: insertItem, values: [data.id, data.ticketTypeId] });
      await client.query({ name: 'count-buyer', text: countBuyer, values: [data.saleId, data.buyerId] });
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

new Worker<OneOrderJob>('one-by-one', write, { connection, concurrency: consumers, removeOnComplete: { count: 0 } }).on(
  'error',
  (error) => {
    console.error(error);
  },
);

const app = fastify();
app.get('/health/ready', () => ({ status: 'ok' }));
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
