/** What every run must keep: no answer that the contract has not, no order left unwritten, and load as it was asked for. */
export const always = {
  unexpected: ['count==0'],
  unwritten: ['count==0'],
  dropped_iterations: ['count==0'],
};

/** For runs within what the system should carry: refusals are quick, and would make slow purchases look well. */
export const served = { accepted: ['count>0'], turned_away: ['rate<0.05'] };

/** What the reports show of times; k6 leaves `p(99)` out unless it is asked for. */
export const summaryTrendStats = ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)'];
