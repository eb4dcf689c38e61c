/** One run of a yardstick and of ours, one after the other. */
export interface Pair {
  readonly value: number;
  readonly yardstick: number;
}

/** What `bench/results.json` says of a figure (contract, section 8). */
export interface Result {
  readonly name: string;
  /** median of the runs */
  readonly value: number;
  readonly unit: string;
  /** median of the runs, in the same unit */
  readonly yardstick: number;
  /** median of the runs' ratios: the machine may change its pace from run to run, less so within one */
  readonly ratio: number;
  readonly runs: readonly Pair[];
}

/** Ours by the yardstick; of a time that should be short, how many times faster ours is. */
export type RatioOf = 'value/yardstick' | 'yardstick/value';

export function summarize(
  name: string,
  unit: string,
  pairs: readonly Pair[],
  ratioOf: RatioOf = 'value/yardstick',
): Result {
  const ratios = pairs.map(({ value, yardstick }) =>
    ratioOf === 'value/yardstick' ? value / yardstick : yardstick / value,
  );
  return {
    name,
    value: rounded(median(pairs.map(({ value }) => value))),
    unit,
    yardstick: rounded(median(pairs.map(({ yardstick }) => yardstick))),
    ratio: rounded(median(ratios)),
    runs: pairs.map(({ value, yardstick }) => ({ value: rounded(value), yardstick: rounded(yardstick) })),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

/** The smallest value that the share of all values does not exceed. @param sorted ascending */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

/** To four digits: more would be noise. */
export function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}
