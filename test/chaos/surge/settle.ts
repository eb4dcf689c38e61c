import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Books } from '../../../src/cli/demo/books.js';
import type { HttpClient } from './http-client.js';

/** How long after the last fault everything may take to come to rest. */
const patienceMs = 60_000;
const lookEveryMs = 500;
const passes = ['expired', 'requeued', 'returned', 'closed', 'reloaded'] as const;

const unfinished = `SELECT count(*)::int AS count FROM orders WHERE status = 'reserved'`;

/** Waits until nothing is under way and two reconciliations in a row had nothing to do. False: not within a minute. */
export async function comesToRest(books: readonly Books[], pool: pg.Pool, admin: HttpClient): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  let idle = 0;
  while (idle < 2 && performance.now() < deadline) {
    await delay(lookEveryMs);
    const settled = (await Promise.all(books.map((book) => book.isSettled()))).every(Boolean);
    const { rows } = await pool.query<{ count: number }>(unfinished);
    const { status, body } = await admin.send({ method: 'POST', path: '/v1/admin/reconciliations' });
    const did = body as Partial<Record<(typeof passes)[number], number>>;
    const nothing = status === 200 && passes.every((pass) => did[pass] === 0);
    idle = settled && rows[0]?.count === 0 && nothing ? idle + 1 : 0;
  }
  return idle === 2;
}
