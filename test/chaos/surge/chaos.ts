import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Teardown } from '../../../src/cli/teardown.js';
import { audit } from './audit.js';
import { BuyersProcess } from './buyers-process.js';
import { strike, type Target } from './faults.js';
import { HttpClient } from './http-client.js';
import { readJournal } from './journal.js';
import { Losses } from './losses.js';
import type { ChaosOptions } from './options.js';
import { isClean, report, type Struck } from './report.js';
import { openSales } from './sales.js';
import { describeFault, type Fault } from './schedule.js';
import { startSystem } from './system.js';

const progressEveryMs = 5000;

/** One run. @returns whether every promise was kept. @throws the reason of `stop`; Error when something does not start */
export async function chaos(
  options: ChaosOptions,
  faults: readonly Fault[],
  teardown: Teardown,
  stop: AbortSignal,
): Promise<boolean> {
  const { seed, seconds, rate, keep, topology } = options;
  console.log(`seed ${seed}, ${seconds} s, ${faults.length} faults; starting`);
  const system = await startSystem(teardown, { keep, topology });
  stop.throwIfAborted();
  if (keep) console.log(`data, logs and journal are in ${system.dir}`);
  const { apiUrls, keys } = system;
  const admin = new HttpClient(apiUrls[0] ?? '', { authorization: `Bearer ${keys.adminKey}` });
  teardown.add(() => admin.close());
  const sales = await openSales(admin);
  const journalFile = join(system.dir, 'journal.jsonl');
  const buyers = new BuyersProcess({ apiUrls, sales, keys, seed, rate, journalFile });
  teardown.add(async () => {
    buyers.kill();
  });

  const startedAt = performance.now();
  const clock = (): string => ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
  const progress = setInterval(() => {
    console.log(`${clock()} s  ${buyers.figures()}`);
  }, progressEveryMs);
  teardown.add(async () => {
    clearInterval(progress);
  });

  const losses = new Losses();
  const struck = await strikeAll({ system, sales, losses }, faults, seconds * 1000, stop);
  console.log(`${clock()} s  healing`);
  await system.heal();
  console.log(`${clock()} s  everything serves`);
  await buyers.end();
  console.log(`${clock()} s  the last buyer has gone; auditing`);
  clearInterval(progress);
  const journal = await readJournal(journalFile);
  const verdict = await audit(system, sales, journal, losses);
  const clean = isClean(verdict, journal, seconds);
  console.log(`\n${report(struck, journal, verdict).join('\n')}`);
  console.log(`verdict ${clean ? 'clean' : 'BROKEN'} (seed ${seed}, ${seconds} s)`);
  return clean;
}

/** Lets every fault strike at its time, some beside each other; resolves when the time is up and all are over. */
async function strikeAll(
  target: Target,
  faults: readonly Fault[],
  runMs: number,
  stop: AbortSignal,
): Promise<Struck[]> {
  const startedAt = performance.now();
  const until = (ms: number): Promise<void> =>
    delay(Math.max(0, startedAt + ms - performance.now()), undefined, { signal: stop }).catch(() => {
      stop.throwIfAborted();
    });
  const striking: Promise<Struck>[] = [];
  for (const fault of faults) {
    await until(fault.atMs);
    console.log(describeFault(fault));
    striking.push(strikeOne(target, fault));
  }
  await until(runMs);
  return Promise.all(striking);
}

async function strikeOne(target: Target, fault: Fault): Promise<Struck> {
  const at = Date.now();
  try {
    await strike(target, fault);
    return { fault, at, overAt: Date.now() };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    console.log(`  ${fault.kind} was not done: ${failure}`);
    return { fault, at, overAt: Date.now(), failure };
  }
}
