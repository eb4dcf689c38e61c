import 'reflect-metadata';
import { randomInt } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DomainError } from '../../src/domain/index.js';
import { OrderIntake } from '../../src/orders/index.js';
import { OrderReader } from '../../src/orders/order-reader.js';
import { Reconcile } from '../../src/reconciliation/reconcile.js';
import { audit } from './audit.js';
import type { CrashPoint } from './life.js';
import { MortalProcess } from './mortal-process.js';
import { orderScenarios } from './order-scenarios.js';
import { paymentScenarios } from './payment-scenarios.js';
import { saleScenarios } from './sale-scenarios.js';
import { Random } from './surge/random.js';
import { Stage, type Outcome, type Scenario, type Scene } from './stage.js';
import { writingScenarios } from './writing-scenarios.js';

const scenarios = { ...orderScenarios, ...writingScenarios, ...saleScenarios, ...paymentScenarios };
/** More reconciliations than any crash needs; the last must find nothing to do. */
const maxReconciliations = 8;
/**
 * To die before a command leaves what dying after the one before it leaves, unless both were sent at once: `CRASH_POINTS=once`
 * visits each such state once, `CRASH_POINTS=all` both sides of every command. By default every other state is visited, of each scenario
 * the odd or the even ones, as chance says: `CRASH_SEED=N`, which the run prints, makes the same choice again.
 */
const bothSides = process.env.CRASH_POINTS === 'all';
const isWhole = bothSides || process.env.CRASH_POINTS === 'once';
const step = isWhole ? 1 : 2;
const seed = Number(process.env.CRASH_SEED ?? randomInt(1_000_000));
const random = new Random(seed);
const firstAfter = new Map(Object.keys(scenarios).map((name) => [name, random.integer(1, step)]));

let stage: Stage;
/** lives on; it has not heard of a scene's sale before the other process is dead, so that it is as good as a new one */
let rescuer: MortalProcess;
const visited = new Map<string, { points: number; ms: number }>();
beforeAll(async () => {
  stage = await Stage.build();
  rescuer = await MortalProcess.start(stage.servers);
});
afterAll(async () => {
  await rescuer.stop();
  await stage.close();
  const total = { points: 0, ms: 0 };
  for (const [name, { points, ms }] of visited) {
    total.points += points;
    total.ms += ms;
    process.stdout.write(`${String(points).padStart(5)} ${(ms / 1000).toFixed(1).padStart(6)} s  ${name}\n`);
  }
  process.stdout.write(
    `crash points visited, ${isWhole ? 'all' : `every other, CRASH_SEED=${seed}`}: ${total.points} (${(total.ms / 1000).toFixed(1)} s)\n`,
  );
});

describe('when the process dies at any of its commands, then what follows makes it good', () => {
  test.each(Object.entries(scenarios))(
    '%s',
    async (name, scenario) => {
      const startedAt = performance.now();
      const failures: string[] = [];
      let points = 0;
      for (const when of ['before', 'after'] as const) {
        for (let nth = when === 'before' ? 1 : (firstAfter.get(name) ?? 1), reached = true; reached; nth += step) {
          if (when === 'before' && nth > 1 && !bothSides) break;
          const visit = await visitPoint(scenario, { nth, when });
          reached = visit.reached;
          if (reached) points += 1;
          if (visit.failure !== undefined) {
            const where = reached ? `died ${when} command ${nth} (${visit.command})` : 'did not die';
            failures.push(`${name}: ${where}: ${visit.failure}`);
          }
        }
      }
      visited.set(name, { points, ms: performance.now() - startedAt });
      expect(points).toBeGreaterThan(0);
      expect(failures.join('\n\n')).toBe('');
    },
    300_000,
  );
});

interface Visit {
  /** the process died; false: it was through before the crash point */
  readonly reached: boolean;
  readonly command: string | undefined;
  readonly failure?: string;
}

async function visitPoint(scenario: Scenario, point: CrashPoint): Promise<Visit> {
  await stage.clear();
  const [scene, victim] = await Promise.all([scenario(stage), MortalProcess.start(stage.servers)]);
  if (scene.durability !== undefined) victim.configure(scene.durability);
  const { outcome, died } = await perform(scene, victim, point);
  const visit = { reached: died, command: victim.life.commands.at(point.nth - 1) };
  try {
    if (outcome.kind === 'refused') expect(outcome.code).toBe(scene.refusal);
    // every other time the client does not wait for the reconciler: what helps him may hide what the reconciler misses
    const isImpatient = (point.nth % 2 === 0) === (point.when === 'before');
    const { reloaded } = await makeGood(scene, outcome, isImpatient);
    const mayReload = scene.reloads === 'always' || (died && scene.reloads === 'after a crash');
    if (reloaded > 0 && !mayReload) throw new Error('the sale had to be reloaded');
    return visit;
  } catch (error) {
    return { ...visit, failure: `${(error as Error).message}\n  after ${victim.life.commands.join(', ')}` };
  } finally {
    if (died) victim.life.bury();
    else await victim.stop();
  }
}

/** Runs the scene in a process that dies on the way, if the way is long enough. */
async function perform(
  scene: Scene,
  victim: MortalProcess,
  point: CrashPoint,
): Promise<{ outcome: Outcome; died: boolean }> {
  let outcome: Outcome = { kind: 'silence' };
  victim.life.arm(point);
  const through = scene
    .run(victim)
    .then(
      (answer) => {
        outcome = { kind: 'answered', answer };
      },
      (error: unknown) => {
        if (!(error instanceof DomainError)) throw error;
        outcome = { kind: 'refused', code: error.code };
      },
    )
    .then(() => victim.get(OrderIntake).flush())
    .then(() => false);
  const died = await Promise.race([through, victim.life.ended.then(() => true)]);
  through.catch(() => undefined); // when it is buried
  await setImmediate(); // an answer that waits for no server may have gone out before the death
  return { outcome, died };
}

/** What the rest of the world does: buyers come back, another process works and reconciles; then everything must be right. */
async function makeGood(scene: Scene, outcome: Outcome, isImpatient: boolean): Promise<{ reloaded: number }> {
  if (isImpatient) {
    await look(scene);
    if (outcome.kind === 'silence') await scene.repeat?.(rescuer, outcome).catch(unlessForLater);
  }
  let reloaded = await reconcileUntilQuiet();
  if (outcome.kind !== 'silence') await scene.verify?.(outcome); // who had his answer need not ask again
  if (scene.repeat !== undefined) {
    await scene.repeat(rescuer, outcome);
    reloaded += await reconcileUntilQuiet();
  }
  await look(scene);
  await audit(stage, scene);
  await scene.verify?.(outcome);
  return { reloaded };
}

/** Every buyer asks for his orders. */
async function look({ sale }: Scene): Promise<void> {
  for (const id of stage.journal.orders.keys()) {
    if (stage.destroyed.has(id)) continue;
    const order = await rescuer.get(OrderReader).find(sale.id, id).catch(unlessForLater);
    if (order !== undefined) stage.journal.note(order);
  }
}

function unlessForLater(error: unknown): undefined {
  if (error instanceof DomainError && ['recovering', 'order_not_ready'].includes(error.code)) return undefined;
  throw error;
}

/** @returns how often the sale had to be reloaded */
async function reconcileUntilQuiet(): Promise<number> {
  let reloaded = 0;
  for (let rounds = maxReconciliations; ; rounds--) {
    await stage.ageOutboxes();
    const { durationMs: _, ...did } = await rescuer.get(Reconcile).now();
    reloaded += did.reloaded;
    const jobs = await stage.takeJobs();
    for (const job of jobs) await rescuer.work(job).catch(() => undefined); // what is left to do is queued again
    const left = { ...did, jobs: jobs.length, waiting: await stage.waitingOrders() };
    if (Object.values(left).every((count) => count === 0)) return reloaded;
    if (rounds === 0) throw new Error(`still something to do: ${JSON.stringify(left)}`);
  }
}
