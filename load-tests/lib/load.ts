import type { ConstantArrivalRateScenario, RampingArrivalRateScenario } from 'k6/options';

/** A stage of a ramp: a share of the whole time, at the end of which the rate is this share of the peak. */
type Stage = readonly [shareOfTime: number, shareOfPeak: number];

interface Load {
  /** iterations a second, at the peak */
  readonly rate: number;
  readonly seconds: number;
  /** how long an iteration may take before the run has too few virtual users, which k6 then counts in `dropped_iterations` */
  readonly patienceSeconds?: number;
  /** name of the exported function; default: the default one */
  readonly exec?: string;
}

/** So many a second whatever the answers: buyers do not wait for each other. */
export function constantRate({ rate, seconds, exec, ...load }: Load): ConstantArrivalRateScenario {
  return {
    executor: 'constant-arrival-rate',
    rate: Math.ceil(rate),
    duration: duration(seconds),
    ...(exec === undefined ? {} : { exec }),
    ...users({ rate, ...load }),
  };
}

/** From nothing to the first stage, and on from each to the next, in straight lines. */
export function rampingRate({ rate, seconds, ...load }: Load, stages: readonly Stage[]): RampingArrivalRateScenario {
  return {
    executor: 'ramping-arrival-rate',
    startRate: 0,
    timeUnit: '1s',
    stages: stages.map(([time, peak]) => ({ duration: duration(seconds * time), target: Math.ceil(rate * peak) })),
    ...users({ rate, ...load }),
  };
}

/** All at the start: k6 drops an iteration for each user that it has to make later. */
function users({ rate, patienceSeconds = 2 }: Omit<Load, 'seconds'>): { preAllocatedVUs: number } {
  return { preAllocatedVUs: Math.ceil(rate * patienceSeconds) + 10 };
}

/** As k6 writes it. */
export function duration(seconds: number): string {
  return `${Math.round(seconds * 1000)}ms`;
}
