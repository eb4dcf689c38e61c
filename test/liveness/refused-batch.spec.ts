import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { expectStatus, openSale, purchase, times, type GivenSale } from '../support/given.js';
import { Meter, told, tooSlow, type Figures } from '../support/meter.js';
import { startProcessFleet, type ProcessFleet } from '../support/process-fleet.js';
import { report } from '../support/sizes.js';
import { until } from '../support/until.js';

/** What a worker takes into one transaction at the most. */
const batch = 500;
const heldMs = 500;
const patiently = { timeoutMs: 60_000, intervalMs: 100 };
jest.setTimeout(180_000);

let fleet: ProcessFleet;
beforeAll(async () => {
  // no reconciler: it would mend what is made wrong here
  fleet = await startProcessFleet({ roles: ['api'] });
  await fleet.sql.query(`ALTER TABLE orders ADD CONSTRAINT no_poison CHECK (buyer_id NOT LIKE 'poison%')`);
});
afterAll(() => fleet.stop());

/** How long others wait for a sale's gate, one after the other, until they are told to stop. */
async function watchGate(sale: GivenSale): Promise<() => Promise<Figures>> {
  const waits = new Meter();
  const stopping = new AbortController();
  const client = new pg.Client({ connectionString: fleet.servers.databaseUrl });
  await client.connect();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const startedAt = performance.now();
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [sale.id]);
      waits.add(performance.now() - startedAt);
      await delay(2);
    }
    await client.end();
  })();
  return async () => {
    stopping.abort();
    await running;
    return waits.figures();
  };
}

/** Orders of so many buyers that wait for a worker, which is started once all is as the test wants it. */
async function written(
  sale: GivenSale,
  buyers: string,
  prepare: () => Promise<unknown>,
  isDone: () => Promise<boolean>,
): Promise<Figures> {
  const answers = await Promise.all(times(batch, (n) => purchase(fleet.api, sale, `${buyers}-${n}`)));
  for (const answer of answers) expectStatus(202, answer);
  await prepare();
  const stop = await watchGate(sale);
  const worker = await fleet.start('worker');
  try {
    await until(isDone, patiently);
  } finally {
    await worker.stop();
  }
  return stop();
}

async function count(text: string, sale: GivenSale): Promise<number> {
  const { rows } = await fleet.sql.query<{ n: string }>(`SELECT count(*) AS n FROM ${text} sale_id = $1`, [sale.id]);
  return Number(rows[0]?.n);
}

test(`when ${batch} orders can be written, then nobody waits for the gate: the yardstick`, async () => {
  const sale = await openSale(fleet.api, { capacities: [batch] });
  const waits = await written(
    sale,
    'good',
    () => Promise.resolve(),
    async () => (await count(`orders WHERE status = 'reserved' AND`, sale)) === batch,
  );
  report(`gate while ${batch} orders are written: ${told(waits)}`);
  expect(tooSlow('the gate', waits, heldMs)).toEqual([]);
});

test(`when ${batch} orders find nothing left in PostgreSQL, then all are rejected, and nobody waits long for the gate`, async () => {
  const sale = await openSale(fleet.api, { capacities: [batch] });
  const waits = await written(
    sale,
    'late',
    () => fleet.sql.query('UPDATE ticket_types SET capacity = 1, taken = 1 WHERE sale_id = $1', [sale.id]),
    async () => (await count(`orders WHERE reason = 'sold_out' AND`, sale)) === batch,
  );
  report(`gate while ${batch} orders are rejected: ${told(waits)}`);
  expect(tooSlow('the gate', waits, heldMs)).toEqual([]);
});

test(`when PostgreSQL refuses each of ${batch} orders, then all become dead letters, and nobody waits long for the gate`, async () => {
  const sale = await openSale(fleet.api, { capacities: [batch] });
  const waits = await written(
    sale,
    'poison',
    () => Promise.resolve(),
    async () => (await count('dead_letters WHERE attempts >= 5 AND', sale)) === batch,
  );
  report(`gate while ${batch} orders are refused, until they are dead letters: ${told(waits)}`);
  expect(tooSlow('the gate', waits, heldMs)).toEqual([]);
});
