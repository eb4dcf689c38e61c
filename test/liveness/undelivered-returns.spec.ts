import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { admin } from '../support/api-client.js';
import { expectStatus, purchase, type GivenSale } from '../support/given.js';
import { brokenPromises, HealthySale, toldOf } from '../support/healthy-sale.js';
import { endUnheard, largeSale } from '../support/large-sale.js';
import { latePasses, PassWatch } from '../support/pass-watch.js';
import { startProcessFleet, type ProcessFleet } from '../support/process-fleet.js';
import { report, sized } from '../support/sizes.js';
import { broken, until } from '../support/until.js';

/** From 65,000 on they did not fit into one call of a script. */
const returns = sized('LIVENESS_RETURNS', 80_000, 200_000);
/** For so long buyers are watched after an admin's look. */
const watchMs = 3000;
const backMs = 60_000;
jest.setTimeout(2 * backMs + 120_000);

let fleet: ProcessFleet;
beforeAll(async () => {
  fleet = await startProcessFleet({ roles: ['api', 'worker'] });
});
beforeEach(() => fleet.ready());
afterAll(() => fleet.stop());

/** How often processes were started; they die in one test, and are up again in the next. */
const starts = (): number => fleet.apps.reduce((sum, app) => sum + app.starts, 0);

function deathsSince(before: number): string[] {
  return starts() > before ? fleet.deaths() : [];
}

/** What an admin sees of where the tickets are. */
async function look(sale: GivenSale): Promise<string> {
  const { status, body } = await fleet.api.get(`${sale.admin}/inventory`, admin);
  const [type] = status === 200 ? body.ticketTypes : [];
  return `${status}, consistent ${String(body.consistent)}, drift ${String(type?.drift)}`;
}

const well = '200, consistent true, drift 0';
/** What is on its way to Redis is nowhere yet, and told so. */
const onTheirWay = `200, consistent false, drift ${returns}`;

// one after the other: a reconciler comes to the fleet with the second
test(`when a sale has ${returns} undelivered returns and an admin looks at its inventory, then it adds up and no process dies`, async () => {
  const sale = await largeSale(fleet, { orders: returns });
  const healthy = await HealthySale.open(fleet.api);
  const before = await healthy.undisturbed();
  await endUnheard(fleet.sql, sale);

  let seen = '';
  const during = await healthy.during(async () => {
    seen = await look(sale).catch(String);
    await delay(watchMs);
    await look(sale).catch(String);
  });
  report(`an admin looks at ${returns} returns: ${seen}; ${toldOf(during)}`);
  expect([...(seen === onTheirWay ? [] : [seen]), ...brokenPromises(during, before), ...fleet.deaths()]).toEqual([]);
});

test(`when a sale has ${returns} undelivered returns and the reconciler delivers them, then others notice nothing, and all of them come back`, async () => {
  const sale = await largeSale(fleet, { orders: returns });
  await fleet.start('reconciler');
  const deadBefore = starts();
  await until(async () => (await fleet.sql.query('SELECT FROM stock_returns LIMIT 1')).rowCount === 0, {
    timeoutMs: backMs,
    intervalMs: 200,
  }); // those of the test before
  const healthy = await HealthySale.open(fleet.api);
  const passes = await PassWatch.prepare(fleet);
  const before = await healthy.undisturbed();

  let back: string[] = [];
  const startedAt = performance.now();
  const during = await healthy.during(async () => {
    passes.start();
    await endUnheard(fleet.sql, sale);
    back = await broken(
      'the tickets are back',
      async () => {
        expect(await look(sale)).toBe(well);
        expect(await undelivered(sale)).toBe(0);
      },
      { timeoutMs: backMs, intervalMs: 500 },
    );
  });
  const longest = await passes.stop();
  report(
    `${returns} returns back after ${Math.round(performance.now() - startedAt)} ms: ${toldOf(during)}; passes ${JSON.stringify(longest)}`,
  );
  expect([...back, ...brokenPromises(during, before), ...latePasses(longest), ...deathsSince(deadBefore)]).toEqual([]);
});

test(`when Redis loses all with ${returns} returns undelivered, then no process dies, and the sale comes back with nothing adrift`, async () => {
  const deadBefore = starts();
  const sale = await largeSale(fleet, { orders: returns });
  await fleet.redis.flushall();
  await endUnheard(fleet.sql, sale);
  const startedAt = performance.now();
  // buyers and admins do not wait for the reconciler
  await Promise.all([look(sale).catch(String), purchase(fleet.api, sale, 'first').catch(String)]);
  const back = await broken(
    'the sale is back',
    async () => {
      expect(await look(sale)).toBe(well);
      expect(await undelivered(sale)).toBe(0);
      expectStatus(202, await purchase(fleet.api, sale, 'second'));
    },
    { timeoutMs: backMs, intervalMs: 500 },
  );
  report(`after a FLUSHALL the sale was back after ${Math.round(performance.now() - startedAt)} ms`);
  expect([...back, ...deathsSince(deadBefore)]).toEqual([]);
});

async function undelivered(sale: GivenSale): Promise<number> {
  const { rows } = await fleet.sql.query<{ n: string }>('SELECT count(*) AS n FROM stock_returns WHERE sale_id = $1', [
    sale.id,
  ]);
  return Number(rows[0]?.n);
}
