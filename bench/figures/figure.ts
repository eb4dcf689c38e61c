import type { Bench } from '../bench.js';
import type { StrategyRace } from '../races/race.js';
import type { Bucket } from '../load/generator-job.js';
import type { Result } from '../report/result.js';

/** What a row of the table says besides the numbers. */
export interface About {
  readonly figure: string;
  readonly yardstick: string;
  /** what issue 4 asks for */
  readonly target?: string;
}

/** Facts beside the figures, such as how busy the load generator was. */
export type Details = Readonly<Record<string, number | string>>;

export interface Measured {
  readonly results: readonly Result[];
  readonly details?: Details;
  /** ours under load, for the chart */
  readonly timeline?: readonly Bucket[];
  readonly races?: readonly StrategyRace[];
}

/** Something that `npm run bench -- NAME` measures. */
export interface Figure {
  readonly name: string;
  /** by the name of each result that it gives */
  readonly about: Readonly<Record<string, About>>;
  measure(bench: Bench): Promise<Measured>;
}
