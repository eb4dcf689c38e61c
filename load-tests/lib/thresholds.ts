/** What every run must keep: no answer that the contract has not, and load as it was asked for. */
export const always = {
  unexpected: ['count==0'],
  dropped_iterations: ['count==0'],
};

/** What the reports show of times; k6 leaves `p(99)` out unless it is asked for. */
export const summaryTrendStats = ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)'];
