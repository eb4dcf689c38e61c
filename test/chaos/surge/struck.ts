import type { Fault } from './fault-kinds.js';

/** One fault as it came about; times in ms since 1970. */
export interface Struck {
  readonly fault: Fault;
  readonly at: number;
  readonly overAt: number;
  /** why it could not be done */
  readonly failure?: string;
}
