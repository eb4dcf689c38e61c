import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { buyer } from '../support/api-client.js';
import { inventoryOf, purchase } from '../support/given.js';
import { brokenPromises, HealthySale, toldOf } from '../support/healthy-sale.js';
import { largeSale, orderOf } from '../support/large-sale.js';
import { Meter, told, tooSlow } from '../support/meter.js';
import { latePasses, PassWatch } from '../support/pass-watch.js';
import { startProcessFleet, type ProcessFleet } from '../support/process-fleet.js';
import { repeatedly } from '../support/repeatedly.js';
import { report, sized } from '../support/sizes.js';
import { broken } from '../support/until.js';

/** From 30 s on a node judges by the age of the outbox, too. */
const heldSeconds = sized('LIVENESS_GATE_SECONDS', 15, 60);
const cancelsPerSecond = 4;
const purchasesPerSecond = 10;
/** About 2 s are promised; the rest is for a machine that is busy. */
const answerMs = 2500;
const recoveryMs = 15_000;
jest.setTimeout(heldSeconds * 1000 + 120_000);

let fleet: ProcessFleet;
beforeAll(async () => {
  fleet = await startProcessFleet();
});
afterAll(() => fleet.stop());

test(`when one sale's gate is held for ${heldSeconds} s, then its buyers are answered soon, others notice nothing, and all is written afterwards`, async () => {
  const held = await largeSale(fleet, { orders: 1000, spare: 10_000, name: 'Held' });
  const healthy = await HealthySale.open(fleet.api);
  const passes = await PassWatch.prepare(fleet);
  const before = await healthy.undisturbed();

  const holder = new pg.Client({ connectionString: fleet.servers.databaseUrl });
  await holder.connect();
  const purchases = new Meter();
  const cancels = new Meter();
  const accepted: string[] = [];
  const cancelled: string[] = [];
  const during = await healthy.during(async () => {
    await holder.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [held.id]);
    passes.start();
    const endBuying = repeatedly(purchasesPerSecond, async (n) => {
      const answer = await purchases.time(202, () => purchase(fleet.api, held, `late-${n}`));
      if (answer?.status === 202) accepted.push(answer.body.id);
    });
    const endCancelling = repeatedly(cancelsPerSecond, async (n) => {
      const { id, buyerId } = orderOf(held, n);
      const answer = await cancels.time(200, () => fleet.api.post(`${held.orders}/${id}/cancel`, buyer(buyerId)));
      if (answer?.status === 200) cancelled.push(id);
    });
    await delay(heldSeconds * 1000);
    await Promise.all([endBuying(), endCancelling()]);
  });
  const longest = await passes.stop();
  await holder.end();
  report(`yardstick: ${toldOf(before)}`);
  report(`gate held for ${heldSeconds} s: ${toldOf(during)}; passes ${JSON.stringify(longest)}`);
  report(`in the held sale: purchases ${told(purchases.figures())}; cancels ${told(cancels.figures())}`);

  const written = await broken(
    'all is written, and nothing drifts',
    async () => {
      expect(await inventoryOf(fleet.api, held)).toMatchObject([{ queued: 0, drift: 0 }]);
      for (const [ids, status] of [
        [accepted, 'reserved'],
        [cancelled, 'cancelled'],
      ] as const) {
        const { rowCount } = await fleet.sql.query('SELECT FROM orders WHERE id = ANY($1) AND status = $2', [
          ids,
          status,
        ]);
        expect(`${status}: ${rowCount}`).toBe(`${status}: ${ids.length}`);
      }
    },
    { timeoutMs: recoveryMs, intervalMs: 200 },
  );
  expect([
    ...brokenPromises(during, before),
    ...latePasses(longest),
    ...tooSlow('purchases of the held sale', purchases.figures(), answerMs),
    ...tooSlow('cancels of the held sale', cancels.figures(), answerMs),
    ...written,
    ...fleet.deaths(),
  ]).toEqual([]);
});
