import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Teardown } from '../../../src/cli/teardown.js';
import { audit } from './audit.js';
import { BuyersProcess } from './buyers-process.js';
import type { BuyersTask } from './buyers.js';
import { CrowdSale } from './crowd-sale.js';
import { describeFault, type Fault, type FaultKind } from './fault-kinds.js';
import { strike, type Target } from './faults.js';
import { HttpClient } from './http-client.js';
import { together } from './journal.js';
import { Losses } from './losses.js';
import type { ChaosOptions } from './options.js';
import { Poison } from './poison.js';
import { isClean, report } from './report.js';
import { openSales, saleNamed } from './sales.js';
import type { Struck } from './struck.js';
import { startSystem } from './system.js';

const progressEveryMs = 5000;

/** One run. @returns whether every promise was kept. @throws the reason of `stop`; Error when something does not start */
export async function chaos(
  options: ChaosOptions,
  faults: readonly Fault[],
  teardown: Teardown,
  stop: AbortSignal,
): Promise<boolean> {
  const { seed, seconds, rate, crowd, keep, topology } = options;
  console.log(`seed ${seed}, ${seconds} s, ${faults.length} faults; starting`);
  const system = await startSystem(teardown, { keep, topology });
  stop.throwIfAborted();
  if (keep) console.log(`data, logs and journals are in ${system.dir}`);
  const { apiUrls, keys, backends } = system;
  const admin = new HttpClient(apiUrls[0] ?? '', { authorization: `Bearer ${keys.adminKey}` });
  teardown.add(() => admin.close());
  const sales = await openSales(admin, crowd);
  const poison = new Poison(backends.databaseUrl);
  const crowdSale = new CrowdSale(backends, saleNamed(sales, 'crowd'));
  const struckBy = (...kinds: FaultKind[]): boolean => faults.some(({ kind }) => kinds.includes(kind));
  if (struckBy('poison')) await poison.prepare();
  if (struckBy('mass-expiry', 'reload')) await crowdSale.addExpired(crowd);
  const [many, healthy] = (['many', 'healthy'] as const).map((who) => {
    const journalFile = join(system.dir, `${who}.jsonl`);
    const buyers = new BuyersProcess({ who, apiUrls, sales, keys, seed, rate, journalFile });
    teardown.add(async () => {
      buyers.kill();
    });
    return buyers;
  }) as [BuyersProcess, BuyersProcess];

  const startedAt = performance.now();
  const clock = (): string => ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
  const progress = setInterval(() => {
    console.log(`${clock()} s  ${many.figures()}; healthy sale: ${healthy.figures()}`);
  }, progressEveryMs);
  teardown.add(async () => {
    clearInterval(progress);
  });

  const losses = new Losses();
  const have = (task: BuyersTask): void => {
    many.have(task);
  };
  const target: Target = { system, sales, losses, crowdSale, poison, have };
  const struck = await strikeAll(target, faults, seconds * 1000, stop);
  console.log(`${clock()} s  healing`);
  await system.heal();
  console.log(`${clock()} s  everything serves`);
  const journal = together(...(await Promise.all([many.end(), healthy.end()])));
  console.log(`${clock()} s  the last buyer has gone; auditing`);
  clearInterval(progress);
  const verdict = await audit(system, { sales, journal, losses, struck, crowd });
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
    const told = await strike(target, fault);
    if (told !== undefined) console.log(`  ${fault.kind}: ${told}`);
    return { fault, at, overAt: Date.now() };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    console.log(`  ${fault.kind} was not done: ${failure}`);
    return { fault, at, overAt: Date.now(), failure };
  }
}
