import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Queue } from 'bullmq';
import { fastify } from 'fastify';
import { Redis } from 'ioredis';
import type { OneOrderJob } from './one-by-one.js';

/**
 * The yardsticks' server, a process of its own: Fastify as it comes, without authentication, validation or anything else.
 * Environment: PORT, REDIS_URL.
 *   POST /orders        parses a purchase and runs one script with the same writes as ours
 *   POST /:saleId/orders  the same, and adds one job for each order: FlashForm's way
 *   GET, POST /constant   answer a constant
 *   POST /stock           empties Redis and fills the stock
 */
interface Purchase {
  readonly items: readonly [{ readonly ticketTypeId: string; readonly quantity: number }];
}

const lua = readFileSync(new URL('reserve-like.lua', import.meta.url), 'utf8');
const sha = createHash('sha1').update(lua).digest('hex');
const stockKey = '{bare}:stock';
const keys = [
  stockKey,
  ...['buyers', 'queued', 'queued-at', 'queued-sum', 'queued-by', 'idem'].map((key) => `{bare}:${key}`),
];

const redis = new Redis(process.env.REDIS_URL ?? '', { enableAutoPipelining: true });
const queue = new Queue<OneOrderJob>('one-by-one', { connection: new Redis(process.env.REDIS_URL ?? '') });
const app = fastify();

app.get('/health/ready', () => ({ status: 'ok' }));
app.get('/constant', () => ({ status: 'ok' }));
app.post('/constant', (_, reply) => reply.code(409).send({ code: 'sold_out' }));

app.post<{ Body: { ticketTypeId: string; capacity: number } }>('/stock', async ({ body }) => {
  await redis.flushall();
  await redis.script('LOAD', lua);
  await redis.hset(stockKey, body.ticketTypeId, body.capacity);
  return {};
});

app.post<{ Body: Purchase }>('/orders', async ({ body, headers }, reply) => {
  const order = await take(body, String(headers['idempotency-key']));
  return order === null ? reply.code(409).send({ code: 'sold_out' }) : reply.code(202).send(order);
});

app.post<{ Body: Purchase; Params: { saleId: string } }>(
  '/:saleId/orders',
  async ({ body, headers, params }, reply) => {
    const key = String(headers['idempotency-key']);
    const order = await take(body, key);
    if (order === null) return reply.code(409).send({ code: 'sold_out' });
    const { id, buyerId } = order;
    const [{ ticketTypeId }] = body.items;
    await queue.add('order', { id, buyerId, key, ticketTypeId, saleId: params.saleId });
    return reply.code(202).send(order);
  },
);

/** The script; null: the stock does not do. */
async function take({ items: [{ ticketTypeId, quantity }] }: Purchase, key: string) {
  const id = randomUUID();
  const items = [{ ticketTypeId, quantity, unitPriceMinor: 4500 }];
  const order = { id, buyerId: id, status: 'queued', items, totalMinor: 4500, currency: 'EUR' };
  const args = [id, id, key, JSON.stringify(order), ticketTypeId, quantity, Date.now()];
  return (await redis.evalsha(sha, keys.length, ...keys, ...args)) === 1 ? order : null;
}

await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
