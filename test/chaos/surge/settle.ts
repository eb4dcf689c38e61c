import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Books } from '../../../src/cli/demo/books.js';
import type { HttpClient } from './http-client.js';

/** How long after the last fault everything may take to come to rest. */
const patienceMs = 60_000;
const lookEveryMs = 500;
const passes = ['expired', 'requeued', 'returned', 'closed', 'reloaded'] as const;

const unfinished = `SELECT count(*)::int AS count FROM orders WHERE status = 'reserved'`;

/** Waits until nothing is under way and two reconciliations in a row had nothing to do. @returns what was still moving after a minute; null: all is at rest */
export async function comesToRest(books: readonly Books[], pool: pg.Pool, admin: HttpClient): Promise<string | null> {
  const deadline = performance.now() + patienceMs;
  let moving: string | null = 'never looked';
  for (let idle = 0; idle < 2 && performance.now() < deadline; idle = moving === null ? idle + 1 : 0) {
    await delay(lookEveryMs);
    moving = await whatMoves(books, pool, admin);
  }
  return moving;
}

async function whatMoves(books: readonly Books[], pool: pg.Pool, admin: HttpClient): Promise<string | null> {
  const settled = await Promise.all(books.map((book) => book.isSettled()));
  const { rows } = await pool.query<{ count: number }>(unfinished);
  const { status, body } = await admin.send({ method: 'POST', path: '/v1/admin/reconciliations' });
  const did = body as Partial<Record<(typeof passes)[number], number>>;
  const held = rows[0]?.count ?? 0;
  if (settled.every(Boolean) && held === 0 && status === 200 && passes.every((pass) => did[pass] === 0)) return null;
  return `sales settled: ${settled.join(', ')}; ${held} holds; reconciliation ${status} ${JSON.stringify(body)}`;
}
