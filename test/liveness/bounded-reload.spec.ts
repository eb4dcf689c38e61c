import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { inventoryOf, purchase } from '../support/given.js';
import { brokenPromises, HealthySale, toldOf } from '../support/healthy-sale.js';
import { distrust, isDistrusted, writtenSale } from '../support/large-sale.js';
import { latePasses, PassWatch } from '../support/pass-watch.js';
import { startProcessFleet, type ProcessFleet } from '../support/process-fleet.js';
import { repeatedly } from '../support/repeatedly.js';
import { report, sized } from '../support/sizes.js';
import { broken } from '../support/until.js';

const orders = sized('LIVENESS_KEYED', 300_000, 5_000_000);
/** A container of docker-compose.yml has 512 MB, of which V8 takes half as heap; a smaller sale is given as much less. */
const heapMb = sized('LIVENESS_HEAP_MB', 112, 256);
const containerMb = 512;
/** Slower than any that was measured, a second for 10,000 orders, and what a start takes. */
const reloadMs = 30_000 + orders / 10;
jest.setTimeout(reloadMs + 600_000);

let fleet: ProcessFleet;
beforeAll(async () => {
  fleet = await startProcessFleet({ env: { NODE_OPTIONS: `--max-old-space-size=${heapMb}` } });
});
afterAll(() => fleet.stop());

/** The most memory that each process has had at once, in MB, also those that have died since. */
async function peaks(seen: Map<string, number>): Promise<void> {
  for (const { name, pid } of fleet.apps) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    const mb = Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024);
    seen.set(name, Math.max(mb, seen.get(name) ?? 0));
  }
}

test(`when a sale of ${orders} keyed orders is reloaded by processes with a heap of ${heapMb} MB, then it comes back, within a container's memory, and others notice nothing`, async () => {
  const healthy = await HealthySale.open(fleet.api);
  const passes = await PassWatch.prepare(fleet);
  const before = await healthy.undisturbed();
  const atRest = new Map<string, number>();
  await peaks(atRest);
  const peak = new Map(atRest);

  const insertedAt = performance.now();
  const sale = await writtenSale(fleet, { orders, spare: 1000, keyed: true });
  await distrust(fleet, sale);
  const startedAt = performance.now();
  report(`${orders} orders were made in ${Math.round(startedAt - insertedAt)} ms`);
  let back: string[] = [];
  let reloadedMs = 0;
  const during = await healthy.during(async () => {
    passes.start();
    const endLooking = repeatedly(10, () => peaks(peak));
    // its buyers do not wait for the reconciler
    const endBuying = repeatedly(5, (n) => purchase(fleet.api, sale, `keen-${n % 10}`).catch(() => undefined));
    back = await broken(
      'the sale is back',
      async () => {
        expect(await isDistrusted(fleet, sale)).toBe(false);
      },
      {
        timeoutMs: reloadMs,
        intervalMs: 100,
      },
    );
    reloadedMs = Math.round(performance.now() - startedAt);
    await Promise.all([endLooking(), endBuying()]);
  });
  const longest = await passes.stop();
  const memory = [...peak].map(([name, mb]) => `${name} ${atRest.get(name) ?? 0} → ${mb} MB`).join(', ');
  report(`reloaded after ${reloadedMs} ms, ${memory}: ${toldOf(during)}; passes ${JSON.stringify(longest)}`);

  const adrift = await broken(
    'nothing drifts',
    async () => {
      expect(await inventoryOf(fleet.api, sale)).toMatchObject([{ drift: 0 }]);
    },
    { timeoutMs: 20_000, intervalMs: 500 },
  );
  expect([
    ...back,
    ...adrift,
    ...[...peak].filter(([, mb]) => mb >= containerMb).map(([name, mb]) => `${name} took ${mb} MB`),
    ...brokenPromises(during, before),
    ...latePasses(longest),
    ...fleet.deaths(),
  ]).toEqual([]);
});
