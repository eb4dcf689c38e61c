import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { v7 as newId } from 'uuid';
import { moved } from '../../src/sales/sale-edit.js';
import { startBackend } from '../support/backend.js';
import { times } from '../support/given.js';
import { until } from '../support/until.js';

/** `RELOAD_SPEED=full npm test -- reload-speed` is what docs/reliability.md tells of. */
const isFull = process.env['RELOAD_SPEED'] === 'full';
const orders = isFull ? 100_000 : 20_000;
const queued = orders / 10;
const sales = isFull ? 1000 : 200;
jest.setTimeout(120_000);

let backend: Awaited<ReturnType<typeof startBackend>>;
beforeAll(async () => {
  backend = await startBackend();
});
afterAll(() => backend.stop());

const audit = { actor: 'tester', action: 'sale.changed' };
const report = (line: string): void => {
  process.stdout.write(`reload: ${line}\n`);
};

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return Math.round(performance.now() - startedAt);
}

// The goals are 3 s, 20 ms, 50 ms and 30 s (docs/reliability.md has the figures). A test that shares its two cores with
// another gets twice that.
test(`when a sale with ${orders} orders and ${queued} more on their way is reloaded, then it takes seconds`, async () => {
  const sale = await backend.openSale({ capacities: [1_000_000] });
  const seeder = new pg.Client({ connectionString: backend.servers.databaseUrl });
  await seeder.connect();
  await seeder.query(
    `WITH numbers AS (
       SELECT gen_random_uuid() AS id, 'buyer-' || n AS buyer_id, left(md5(n::text), 22) AS key FROM generate_series(1, ${orders}) n
     ), written AS (
       INSERT INTO orders (id, sale_id, buyer_id, status, total_minor, currency, answers, idempotency, body_hash, max_per_buyer,
         hold_expires_at, created_at, updated_at)
       SELECT id, $1::uuid, buyer_id, 'reserved', 4500, 'EUR', '{}', key, key, 4, now() + interval '1 day', now(), now() FROM numbers
     ), items AS (
       INSERT INTO order_items (order_id, ticket_type_id, position, quantity, unit_price_minor) SELECT id, $2, 0, 1, 4500 FROM numbers
     ), totals AS (
       INSERT INTO buyer_totals (sale_id, buyer_id, tickets) SELECT $1::uuid, buyer_id, 1 FROM numbers
     )
     UPDATE ticket_types SET taken = ${orders} WHERE id = $2`,
    [sale.id, sale.typeId],
  );
  await seeder.end();
  await backend.reload.mend(sale.id);
  for (let i = 0; i < queued; i += 500) {
    await Promise.all(
      times(500, (k) =>
        backend.stock.reserve(sale.id, {
          id: newId(),
          buyerId: `late-${i + k}`,
          items: [{ ticketTypeId: sale.typeId, quantity: 1, unitPriceMinor: 4500 }],
          totalMinor: 4500,
          currency: 'EUR',
          answers: { email: `late-${i + k}@example.com` },
        }),
      ),
    );
  }

  // the best of three: what else this machine does is not what is measured
  await backend.client.config('SET', 'slowlog-log-slower-than', '40000');
  const runs: number[] = [];
  let blocked = Infinity;
  for (let run = 0; run < 3; run++) {
    await backend.client.hset(`sluice:{${sale.id}}:sale`, 'runId', 'another server');
    await backend.client.slowlog('RESET');
    runs.push(await timed(() => backend.reload.mend(sale.id)));
    blocked = Math.min(blocked, Number(await backend.client.slowlog('LEN')));
  }
  report(`${orders} orders and ${queued} in the outbox in ${runs.join(', ')} ms`);
  expect(Math.min(...runs)).toBeLessThan(isFull ? 6000 : 2500);
  expect(blocked).toBe(0); // no command held Redis up

  const changes: number[] = [];
  for (const step of ['pause', 'resume', 'pause', 'resume'] as const) {
    changes.push(await timed(() => backend.changes.execute(sale.id, audit, (current) => moved(current, step))));
  }
  report(`a change of it in ${changes.join(', ')} ms, with no fence at all`);
  expect(Math.min(...changes)).toBeLessThan(100);
});

test(`when ${sales} sales are lost, then all are reloaded`, async () => {
  for (let i = 0; i < sales; i += 20) await Promise.all(times(20, () => backend.openSale()));
  await backend.client.flushall();
  const tookMs = await timed(async () => {
    let reloaded = 0; // a look waits only for a moment
    await until(async () => (reloaded += await backend.compare.run(await backend.look())) >= sales, {
      timeoutMs: 60 * sales,
    });
  });
  report(`${sales} sales in ${tookMs} ms`);
  expect(tookMs).toBeLessThan(60 * sales);
});
