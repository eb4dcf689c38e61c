import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Books } from '../../../src/cli/demo/books.js';
import type { HttpClient } from './http-client.js';

/**
 * How long after the last fault everything may take to come to rest. Beside what any run leaves, a mass expiry that another fault
 * held up is still to be done: each of its holds is ended in PostgreSQL and given back in Redis, at 1,000 a second at the least.
 */
const patienceMs = 60_000;
const patiencePerHoldMs = 1;
const lookEveryMs = 500;
const passes = ['expired', 'requeued', 'returned', 'closed', 'reloaded'] as const;

const unfinished = `SELECT count(*)::int AS count FROM orders WHERE status = 'reserved'`;

/**
 * Waits until nothing is under way and two reconciliations in a row had nothing to do; the admin has dead letters tried again, whose
 * cause is gone. @param crowd holds that lapsed at once. @returns what was still moving when the time was up; null: all is at rest
 */
export async function comesToRest(
  books: readonly Books[],
  pool: pg.Pool,
  admin: HttpClient,
  crowd: number,
): Promise<string | null> {
  const deadline = performance.now() + patienceMs + crowd * patiencePerHoldMs;
  let moving: string | null = 'never looked';
  for (let idle = 0; idle < 2 && performance.now() < deadline; idle = moving === null ? idle + 1 : 0) {
    await delay(lookEveryMs);
    moving = await whatMoves(books, pool, admin);
  }
  return moving;
}

async function whatMoves(books: readonly Books[], pool: pg.Pool, admin: HttpClient): Promise<string | null> {
  const dead = await retryDeadLetters(admin);
  const settled = await Promise.all(books.map((book) => book.isSettled()));
  const { rows } = await pool.query<{ count: number }>(unfinished);
  const { status, body } = await admin.send({ method: 'POST', path: '/v1/admin/reconciliations' });
  const did = body as Partial<Record<(typeof passes)[number], number>>;
  const held = rows[0]?.count ?? 0;
  if (dead === 0 && settled.every(Boolean) && held === 0 && status === 200 && passes.every((pass) => did[pass] === 0))
    return null;
  return `sales settled: ${settled.join(', ')}; ${held} holds; ${dead ?? 'unknown'} dead letters; reconciliation ${status} ${JSON.stringify(body)}`;
}

/** @returns how many there were; null: the API did not say */
async function retryDeadLetters(admin: HttpClient): Promise<number | null> {
  const { status, body } = await admin.send({ method: 'GET', path: '/v1/admin/dead-letters?limit=200' });
  if (status !== 200) return null;
  const letters = body.data ?? [];
  await Promise.all(
    letters.map(({ id }) => admin.send({ method: 'POST', path: `/v1/admin/dead-letters/${id}/retry` })),
  );
  return letters.length;
}
