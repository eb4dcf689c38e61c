import { expect, test } from '@jest/globals';
import { faultKinds, isSaleFault, needsTopology, stopsHealthy, type Fault } from './fault-kinds.js';
import { planLongFaults } from './long-faults.js';
import { planFaults, type PlanOptions } from './schedule.js';

const faults = faultKinds.filter((kind) => !needsTopology(kind));
const seeds = [1, 2, 3, 4, 5, 6, 7, 8];

function optionsOf(seconds: number, seed: number): PlanOptions {
  return { seed, seconds, faults, crowd: Math.min(100_000, seconds * 500), topology: false };
}

function count(planned: readonly Fault[], kind: Fault['kind']): number {
  return planned.filter((fault) => fault.kind === kind).length;
}

test.each(seeds)(
  'when seed %i runs for 600 s, then each fault that lasts comes several times, and some of a minute',
  (seed) => {
    const planned = planFaults(optionsOf(600, seed));
    for (const kind of ['mass-expiry', 'poison', 'held-gate', 'reload', 'standstill'] as const) {
      expect({ kind, enough: count(planned, kind) >= 2 }).toEqual({ kind, enough: true });
    }
    expect(planned).toEqual(planFaults(optionsOf(600, seed)));
  },
);

test.each(seeds)(
  'when seed %i runs for 30 s, then a sale suffers, servers do too, and nothing stands still',
  (seed) => {
    const planned = planFaults(optionsOf(30, seed));
    expect(planned.filter(({ kind }) => isSaleFault(kind)).length).toBeGreaterThanOrEqual(2);
    expect(planned.filter((fault) => stopsHealthy(fault, false)).length).toBeGreaterThanOrEqual(2);
    expect(count(planned, 'standstill')).toBe(0);
  },
);

test.each(seeds)(
  'when a fault of seed %i is calm, then nothing strikes meanwhile that the healthy sale needs',
  (seed) => {
    const options = optionsOf(600, seed);
    const stopping = planFaults(options).filter((fault) => stopsHealthy(fault, false));
    const calm = planLongFaults(options).filter((fault) => fault.calm);
    expect(calm.length).toBeGreaterThan(3);
    for (const { atMs, durationMs } of calm) {
      const meanwhile = stopping.filter((f) => f.atMs < atMs + durationMs && f.atMs + f.durationMs > atMs);
      expect(meanwhile).toEqual([]);
    }
  },
);
