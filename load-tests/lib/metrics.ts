import exec from 'k6/execution';
import { Counter, Rate, Trend } from 'k6/metrics';

/** What may become of a purchase request, as the contract has it; `unexpected` is what it has not: a 500, a reset, a time-out. */
export const outcomes = [
  'accepted',
  'replayed',
  'sold_out',
  'limit_exceeded',
  'not_on_sale',
  'rate_limited',
  'overloaded',
  'unexpected',
] as const;

export type Outcome = (typeof outcomes)[number];

const counters = Object.fromEntries(outcomes.map((name) => [name, new Counter(name)])) as Record<Outcome, Counter>;

/** POST to answer, whatever it is. */
const purchaseMs = new Trend('purchase_ms', true);
/** POST to 202. */
const acceptedMs = new Trend('accepted_ms', true);
/** Purchase requests that a limit or an overloaded system refused: quick answers that are worth nothing. */
const turnedAway = new Rate('turned_away');
/** Accepted orders that were still not written when their buyer gave up. */
export const unwritten = new Counter('unwritten');
/** 202 to an order in PostgreSQL, as its buyer sees it. */
export const writtenAfterMs = new Trend('written_after_ms', true);
/** GET of an order or of the sale. */
export const readMs = new Trend('read_ms', true);

/**
 * k6 gives handleSummary no course of time, only totals: so the run is cut into slices, each with metrics of its own. They add up
 * in a distributed run too.
 */
const sliceCount = 20;

export const sliceNames = Array.from({ length: sliceCount }, (_, i) => `slice_${String(i).padStart(2, '0')}`);

const slices = sliceNames.map((name) => ({
  accepted: new Counter(`${name}_accepted`),
  refused: new Counter(`${name}_refused`),
  ms: new Trend(`${name}_ms`, true),
}));

/** Counts what became of one purchase request. */
export function record(outcome: Outcome, ms: number): void {
  counters[outcome].add(1);
  purchaseMs.add(ms);
  turnedAway.add(outcome === 'rate_limited' || outcome === 'overloaded');
  const accepted = outcome === 'accepted' || outcome === 'replayed';
  if (accepted) acceptedMs.add(ms);
  const slice = slices[Math.min(Math.floor(exec.scenario.progress * sliceCount), sliceCount - 1)];
  slice?.ms.add(ms);
  (accepted ? slice?.accepted : slice?.refused)?.add(1);
}

/** Counts an answer that the contract does not have at this place. */
export function recordUnexpected(): void {
  counters.unexpected.add(1);
}
