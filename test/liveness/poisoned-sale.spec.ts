import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { expectStatus, inventoryOf, openSale, purchase, times } from '../support/given.js';
import { brokenPromises, HealthySale, toldOf } from '../support/healthy-sale.js';
import { Meter, told } from '../support/meter.js';
import { latePasses, PassWatch } from '../support/pass-watch.js';
import { startProcessFleet, type ProcessFleet } from '../support/process-fleet.js';
import { repeatedly } from '../support/repeatedly.js';
import { report, sized } from '../support/sizes.js';
import { broken } from '../support/until.js';

const atOnce = sized('LIVENESS_POISONED', 1000, 5000);
const seconds = sized('LIVENESS_POISONED_SECONDS', 15, 60);
const perSecond = 20;
/** More at once is a crowd, which is another test's matter. */
const burst = 20;
const settledMs = 60_000;
jest.setTimeout(seconds * 1000 + settledMs + 120_000);

let fleet: ProcessFleet;
beforeAll(async () => {
  fleet = await startProcessFleet();
  await fleet.sql.query(`ALTER TABLE orders ADD CONSTRAINT no_poison CHECK (buyer_id NOT LIKE 'poison%')`);
});
afterAll(() => fleet.stop());

test(`when PostgreSQL refuses ${atOnce} orders of a sale and ${perSecond} more each second, then they become dead letters, and others notice nothing`, async () => {
  const sale = await openSale(fleet.api, { name: 'Poisoned', capacities: [1_000_000] });
  const healthy = await HealthySale.open(fleet.api);
  const passes = await PassWatch.prepare(fleet);
  const before = await healthy.undisturbed();
  const purchases = new Meter();
  const poisoned: string[] = [];
  const good: string[] = [];
  const buy = async (buyerId: string, ids: string[]): Promise<void> => {
    const answer = await purchases.time(202, () => purchase(fleet.api, sale, buyerId));
    if (answer?.status === 202) ids.push(answer.body.id);
  };

  const during = await healthy.during(async () => {
    passes.start();
    for (let n = 0; n < atOnce; n += burst) {
      await Promise.all(times(burst, (i) => buy(`poison-crowd-${n + i}`, poisoned)));
    }
    const end = repeatedly(perSecond, (n) => (n % 10 === 0 ? buy(`good-${n}`, good) : buy(`poison-${n}`, poisoned)));
    await delay(seconds * 1000);
    await end();
  });
  const longest = await passes.stop();
  report(`yardstick: ${toldOf(before)}`);
  report(`beside a poisoned sale: ${toldOf(during)}; passes ${JSON.stringify(longest)}`);
  report(`in the poisoned sale: ${told(purchases.figures())}; ${poisoned.length} poisoned, ${good.length} good`);

  const settled = await broken(
    'what cannot be written is a dead letter, the rest is written',
    async () => {
      const { rows } = await fleet.sql.query(
        `SELECT coalesce(least(l.attempts, 5), 0) AS attempts, count(*)::int AS orders
         FROM unnest($1::uuid[]) p LEFT JOIN dead_letters l ON l.id = p GROUP BY 1 ORDER BY 1`,
        [poisoned],
      );
      expect(rows).toEqual([{ attempts: 5, orders: poisoned.length }]);
      const { rowCount } = await fleet.sql.query(`SELECT FROM orders WHERE id = ANY($1) AND status = 'reserved'`, [
        good,
      ]);
      expect(rowCount).toBe(good.length);
    },
    { timeoutMs: settledMs, intervalMs: 500 },
  );
  const [inventory] = await inventoryOf(fleet.api, sale);
  expect([
    ...settled,
    ...brokenPromises(during, before),
    ...latePasses(longest),
    ...(inventory?.drift === 0 ? [] : [`drift ${inventory?.drift}`]),
    ...fleet.deaths(),
  ]).toEqual([]);
  expectStatus(202, await purchase(fleet.api, sale, 'good-last'));
});
