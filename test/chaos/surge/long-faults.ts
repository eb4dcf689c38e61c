import { longFaults, type Fault, type FaultKind, type LongFaultKind } from './fault-kinds.js';
import { Random } from './random.js';
import { busySales } from './sales.js';

/** A fault that lasts. */
export interface LongFault extends Fault {
  /** no other fault meanwhile stops a server that the healthy sale needs: what its buyers feel is of this one */
  readonly calm: boolean;
}

const firstAtMs = 3000;
/** From the end of one to the next: what was held up gets through, and other faults are among themselves. */
const gapMs = { min: 2000, max: 5000 };
/** A run has room for several of each. */
const shareOfRun = 1 / 6;
const standstillFromSeconds = 120;
/** How many holds lapse in a second at the least, and what the rest of a mass expiry takes. */
const lapsedPerMs = 2.5;
const aroundExpiryMs = 8000;
/** Keys of the crowd's sale without which it is unsound. */
const vitalKeys = ['sale', 'stock', 'buyers', 'queued-by', 'idem'] as const;

interface Times {
  readonly min: number;
  readonly max: number;
}

const durations: Readonly<Record<Exclude<LongFaultKind, 'mass-expiry'>, Times>> = {
  'held-gate': { min: 10_000, max: 60_000 },
  poison: { min: 4000, max: 10_000 },
  reload: { min: 5000, max: 5000 },
  standstill: { min: 15_000, max: 90_000 },
};

/**
 * One after the other, each kind in turn, as long as one fits in. Of each kind every second is calm: of mass expiries and held gates,
 * which hurt most, the first, so that a short run measures them.
 */
export function planLongFaults({
  seed,
  seconds,
  faults: kinds,
  crowd,
}: {
  readonly seed: number;
  readonly seconds: number;
  readonly faults: readonly FaultKind[];
  readonly crowd: number;
}): LongFault[] {
  const random = new Random(~seed);
  const able = longFaults.filter(
    (kind) => kinds.includes(kind) && (kind !== 'standstill' || seconds >= standstillFromSeconds),
  );
  const faults: LongFault[] = [];
  let atMs = firstAtMs;
  for (let round = 0, before = -1; faults.length > before; round++) {
    before = faults.length;
    for (const kind of random.shuffled(able)) {
      const fault = plan(kind, atMs, random, { seconds, crowd });
      if (atMs + fault.durationMs > seconds * 1000) continue;
      faults.push({ ...fault, calm: kind !== 'standstill' && (longFaults.indexOf(kind) + round) % 2 === 0 });
      atMs += fault.durationMs + random.integer(gapMs.min, gapMs.max);
    }
  }
  return faults;
}

function plan(
  kind: LongFaultKind,
  atMs: number,
  random: Random,
  { seconds, crowd }: { readonly seconds: number; readonly crowd: number },
): Fault {
  if (kind === 'mass-expiry') {
    const durationMs = Math.round(aroundExpiryMs + crowd / lapsedPerMs);
    return { atMs, kind, victim: 'crowd', durationMs, amount: crowd };
  }
  const { min, max } = durations[kind];
  const durationMs = random.integer(min, Math.max(min, Math.min(max, seconds * 1000 * shareOfRun)));
  switch (kind) {
    case 'held-gate':
    case 'poison':
      return { atMs, kind, victim: random.pick(busySales), durationMs, amount: 0 };
    case 'reload':
      return { atMs, kind, victim: `crowd:${random.pick(vitalKeys)}`, durationMs, amount: 0 };
    case 'standstill':
      return { atMs, kind, victim: 'postgres', durationMs, amount: random.integer(0, 1) };
  }
}
