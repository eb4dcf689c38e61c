export const sqlStrategies = ['read-check-write', 'select-for-update', 'conditional-update'] as const;
export type SqlStrategy = (typeof sqlStrategies)[number];
export type Strategy = SqlStrategy | 'redis+queue';

/** How one strategy did when buyers raced for tickets: the median run by orders a second. */
export interface StrategyRace {
  readonly strategy: Strategy;
  readonly tickets: number;
  readonly buyers: number;
  /** orders in Postgres, oversold ones too, by the time from the first request to the last committed row */
  readonly ordersPerSecond: number;
  /** of all answers, those to buyers who came too late too */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** tickets sold beyond those that there were, the most of all runs */
  readonly oversold: number;
}
