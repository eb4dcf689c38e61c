import { randomUUID } from 'node:crypto';
import { fastify } from 'fastify';
import pg from 'pg';
import { sqlStrategies } from './race.js';
import { newShow, schema, sellOne } from './sql-strategies.js';

/**
 * The shops that sell straight from PostgreSQL, a process of its own: a bare Fastify with a route for each strategy, twenty connections.
 * Environment: PORT, DATABASE_URL.
 *   POST /show            {capacity}: a new show, all others forgotten
 *   POST /<strategy>      buys one ticket: 202, or 409 where there is none left
 *   GET  /sold            {sold, lastSoldAtMs}
 */
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 });
await pool.query(schema);

const app = fastify();
app.get('/health/ready', () => ({ status: 'ok' }));

app.post<{ Body: { capacity: number } }>('/show', async ({ body }) => {
  await pool.query(newShow.replace('$capacity', String(body.capacity)));
  return {};
});

app.get('/sold', async () => {
  const { rows } = await pool.query<{ sold: number; lastSoldAtMs: number }>(
    `SELECT count(*)::int AS sold, extract(epoch FROM max(sold_at))::float * 1000 AS "lastSoldAtMs" FROM races.tickets`,
  );
  return rows[0];
});

for (const strategy of sqlStrategies) {
  app.post(`/${strategy}`, async (_, reply) => {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      const sold = await sellOne[strategy](client, randomUUID());
      await client.query('COMMIT');
      return sold ? await reply.code(202).send({ status: 'sold' }) : await reply.code(409).send({ code: 'sold_out' });
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  });
}

await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
