import { setTimeout as delay } from 'node:timers/promises';
import { durationMs } from './durations.js';
import { builtin } from './registry.js';
import { RunningScenario } from './scenario.js';

interface ArrivalRate {
  readonly timeUnit?: string;
  readonly preAllocatedVUs: number;
  readonly maxVUs?: number;
}

/** The executors that the scripts use, with k6's names and options. */
export type Scenario = { readonly exec?: string; readonly gracefulStop?: string } & (
  | ({ readonly executor: 'constant-arrival-rate'; readonly rate: number; readonly duration: string } & ArrivalRate)
  | ({
      readonly executor: 'ramping-arrival-rate';
      readonly startRate?: number;
      readonly stages: readonly { readonly duration: string; readonly target: number }[];
    } & ArrivalRate)
  | { readonly executor: 'constant-vus'; readonly vus: number; readonly duration: string }
  | {
      readonly executor: 'shared-iterations';
      readonly vus: number;
      readonly iterations: number;
      readonly maxDuration?: string;
    }
);

const tickMs = 5;

/** Runs one scenario to its end, with 30 s at the most (`gracefulStop`) for what is under way then. */
export async function runScenario(name: string, options: Scenario, work: () => unknown): Promise<void> {
  const scenario = await started(name, options, work);
  const patience = new AbortController();
  await Promise.race([
    scenario.drained(),
    delay(durationMs(options.gracefulStop ?? '30s'), undefined, { signal: patience.signal }).catch(() => undefined),
  ]);
  patience.abort();
}

async function started(name: string, options: Scenario, work: () => unknown): Promise<RunningScenario> {
  switch (options.executor) {
    case 'constant-arrival-rate': {
      const { rate, duration } = options;
      return arrivals(name, options, work, [{ from: rate, to: rate, ms: durationMs(duration) }]);
    }
    case 'ramping-arrival-rate': {
      let from = options.startRate ?? 0;
      const ramps = options.stages.map(({ target, duration }) => {
        const ramp = { from, to: target, ms: durationMs(duration) };
        from = target;
        return ramp;
      });
      return arrivals(name, options, work, ramps);
    }
    case 'constant-vus': {
      const ms = durationMs(options.duration);
      const scenario = new RunningScenario(name, work, (elapsedMs) => elapsedMs / ms);
      await loops(options.vus, scenario, () => scenario.elapsedMs < ms);
      return scenario;
    }
    case 'shared-iterations': {
      const { vus, iterations, maxDuration = '10m' } = options;
      const ms = durationMs(maxDuration);
      const scenario = new RunningScenario(name, work, (_, begun) => begun / iterations);
      await loops(vus, scenario, () => scenario.iterationsStarted < iterations && scenario.elapsedMs < ms);
      return scenario;
    }
  }
}

interface Ramp {
  /** iterations in a time unit */
  readonly from: number;
  readonly to: number;
  readonly ms: number;
}

/** How many iterations are due after so many milliseconds: the area under the ramps. */
export function iterationsDue(ramps: readonly Ramp[], elapsedMs: number, unitMs: number): number {
  let due = 0;
  let left = elapsedMs;
  for (const { from, to, ms } of ramps) {
    const spent = Math.min(left, ms);
    if (spent <= 0) break;
    const reached = from + ((to - from) * spent) / ms;
    due += (((from + reached) / 2) * spent) / unitMs;
    left -= spent;
  }
  return Math.floor(due);
}

async function arrivals(
  name: string,
  { timeUnit = '1s', preAllocatedVUs, maxVUs = preAllocatedVUs }: ArrivalRate,
  work: () => unknown,
  ramps: readonly Ramp[],
): Promise<RunningScenario> {
  const wholeMs = ramps.reduce((sum, { ms }) => sum + ms, 0);
  const scenario = new RunningScenario(name, work, (elapsedMs) => elapsedMs / wholeMs);
  let arrived = 0;
  for (let elapsedMs = 0; elapsedMs < wholeMs;) {
    await delay(tickMs);
    elapsedMs = Math.min(scenario.elapsedMs, wholeMs);
    for (const due = iterationsDue(ramps, elapsedMs, durationMs(timeUnit)); arrived < due; arrived++) {
      if (scenario.busyUsers < maxVUs) void scenario.iterate();
      else builtin.droppedIterations.add(1);
    }
  }
  return scenario;
}

/** So many virtual users, each of whom begins again as long as there is something to do. */
async function loops(vus: number, scenario: RunningScenario, more: () => boolean): Promise<void> {
  const user = async (): Promise<void> => {
    while (more()) await scenario.iterate();
  };
  await Promise.all(Array.from({ length: vus }, user));
}
