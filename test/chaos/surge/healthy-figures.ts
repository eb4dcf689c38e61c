import { isSaleFault, saleFaults, stopsHealthy } from './fault-kinds.js';
import { steps, type StepRecord } from './journal.js';
import type { Struck } from './struck.js';

/** What p99 of each step must not exceed while only other sales are at their worst. */
const promisedMs = 1000;
/** How long after its end a fault still tells: a process has to start, jobs that a worker held come back, sales are loaded again. */
const aftermathMs = 10_000;

type StepName = StepRecord['step'];

/** How long the steps of one kind took, ms, to the nearest rank. */
interface Times {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
}

export interface HealthyRow {
  readonly name: string;
  readonly times: Readonly<Record<StepName, Times | null>>;
}

export interface HealthyFigures {
  readonly rows: readonly HealthyRow[];
  /** steps whose p99 is above the promise while faults strike other sales alone */
  readonly slow: readonly string[];
  /** answers that were none in that time */
  readonly starved: readonly string[];
}

/**
 * What buyers of the healthy sale felt. The first row is the whole run. The others leave out the time in which a fault stops a server
 * that these buyers need, and the moments after it: the time long after any fault, for comparison; beside any fault; beside those
 * that are done to another sale, of which the promise speaks. A step counts where it overlaps such a time.
 */
export function healthyFigures(
  taken: readonly StepRecord[],
  struck: readonly Struck[],
  topology: boolean,
): HealthyFigures {
  const stopping = struck.filter(({ fault }) => stopsHealthy(fault, topology));
  const others = struck.filter(({ fault }) => !stopsHealthy(fault, topology));
  const ofSales = others.filter(({ fault, failure }) => isSaleFault(fault.kind) && failure === undefined);
  const served = taken.flatMap((step) => asServed(step, stopping));
  const besides = served.filter((step) => beside(step, ofSales).length > 0);
  const rows = [
    rowOf('the whole run', taken),
    rowOf(
      'long after any',
      served.filter((step) => beside(step, others, aftermathMs).length === 0),
    ),
    rowOf(
      'beside any fault',
      served.filter((step) => beside(step, others).length > 0),
    ),
    rowOf("beside a sale's", besides),
    ...saleFaults.map((kind) => {
      const ofKind = ofSales.filter(({ fault }) => fault.kind === kind);
      return rowOf(
        `  ${kind}`,
        served.filter((step) => beside(step, ofKind).length > 0),
      );
    }),
  ];
  const { times } = rowOf('', besides);
  return {
    rows,
    slow: steps.flatMap((step) => {
      const { p99 = 0, count = 0 } = times[step] ?? {};
      return p99 > promisedMs ? [`${step}: p99 ${(p99 / 1000).toFixed(2)} s of ${count}`] : [];
    }),
    starved: besides.flatMap((step) => {
      const kinds = new Set(beside(step, ofSales).map(({ fault }) => fault.kind));
      return step.refusals.map(
        (refusal) => `${step.step} at ${step.from}: ${refusal}, beside ${[...kinds].join(' and ')}`,
      );
    }),
  };
}

function beside({ from, to }: StepRecord, faults: readonly Struck[], afterwardsMs = 0): Struck[] {
  return faults.filter(({ at, overAt }) => from <= overAt + afterwardsMs && to >= at);
}

/**
 * The step as far as nothing stopped a server that it needs: none of it where it began then, and where such a fault came before its
 * end only if it had been too slow by then; what it would have taken is not known, nor when it was refused.
 */
function asServed(step: StepRecord, stopping: readonly Struck[]): StepRecord[] {
  const { from } = step;
  if (stopping.some(({ at, overAt }) => at <= from && from <= overAt + aftermathMs)) return [];
  const to = Math.min(step.to, ...stopping.flatMap(({ at }) => (at > from ? at : [])));
  if (to === step.to) return [step];
  return to - from > promisedMs ? [{ ...step, to, refusals: [] }] : [];
}

function rowOf(name: string, taken: readonly StepRecord[]): HealthyRow {
  const of = (step: StepName): Times | null => timesOf(taken.filter((each) => each.step === step));
  return { name, times: { purchase: of('purchase'), status: of('status'), confirm: of('confirm') } };
}

function timesOf(taken: readonly StepRecord[]): Times | null {
  const sorted = taken.map(({ from, to }) => to - from).sort((a, b) => a - b);
  const rank = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
  return sorted.length === 0 ? null : { count: sorted.length, p50: rank(0.5), p99: rank(0.99), longest: rank(1) };
}

/** A table for a person. */
export function healthyTable({ rows }: HealthyFigures): string[] {
  const line = (name: string, ...cells: string[]): string =>
    name.padEnd(18) + cells.map((cell) => cell.padStart(9)).join('');
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(3)} s`;
  return [
    line('healthy sale', ...steps.flatMap((step) => [step, '', '', ''])),
    line('', ...steps.flatMap(() => ['count', 'p50', 'p99', 'longest'])),
    ...rows.map(({ name, times }) =>
      line(
        name,
        ...steps.flatMap((step) => {
          const { count = 0, p50 = 0, p99 = 0, longest = 0 } = times[step] ?? {};
          return count === 0 ? ['none', '', '', ''] : [String(count), seconds(p50), seconds(p99), seconds(longest)];
        }),
      ),
    ),
  ];
}
