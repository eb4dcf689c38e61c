import { saleKeys } from '../../../src/redis/keys.js';
import {
  processNames,
  serverFaults,
  stopsHealthy,
  type Fault,
  type FaultKind,
  type ServerFaultKind,
} from './fault-kinds.js';
import { planLongFaults, type LongFault } from './long-faults.js';
import { Random } from './random.js';
import { busySales } from './sales.js';

/** Keys of BullMQ, by the names of its version 6. */
const queueKeys = ['wait', 'active', 'delayed', 'marker', 'stalled', 'meta', 'events', 'id'].map(
  (key) => `{sluice}:orders:${key}`,
);

/** Sales that may lose a key: all but the healthy one. */
const strikable = [...busySales, 'crowd'] as const;

const firstAtMs = 2000;
const intervalMs = { min: 1000, max: 3000 };
/** How much longer than planned a fault may last, before the next may strike the same victim. */
const marginMs = 1500;
/** What the healthy sale needs has been at peace for so long when a calm fault begins: long enough to be back at work. */
const calmBeforeMs = 6000;

/** What decides a plan, with the seed. */
export interface PlanOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly faults: readonly FaultKind[];
  /** how many holds lapse at once */
  readonly crowd: number;
  readonly topology: boolean;
}

/** All faults of a run, by their time, a matter of its options alone. */
export function planFaults(options: PlanOptions): Fault[] {
  const long = planLongFaults(options);
  return [...planServerFaults(options, long), ...long].sort((a, b) => a.atMs - b.atMs);
}

/** One every 1 to 3 seconds, each kind in turn; where it is calm none that stops a server which the healthy sale needs. */
function planServerFaults(
  { seed, seconds, faults: kinds, topology }: PlanOptions,
  long: readonly LongFault[],
): Fault[] {
  const random = new Random(seed);
  const faults: Fault[] = [];
  const isCalm = (from: number, to: number): boolean =>
    long.some((other) => other.calm && from < other.atMs + other.durationMs && to > other.atMs - calmBeforeMs);
  const standsStill = (from: number, to: number): boolean =>
    long.some((o) => o.kind === 'standstill' && from < o.atMs + o.durationMs + marginMs && to > o.atMs - marginMs);
  const busyUntil = new Map<string, number>();
  const bag = kinds.flatMap((kind) =>
    isServerFault(kind) ? Array<ServerFaultKind>(serverFaults[kind]).fill(kind) : [],
  );
  if (bag.length === 0) return faults;
  let waiting: ServerFaultKind[] = [];
  for (let atMs = firstAtMs; atMs < seconds * 1000; atMs += random.integer(intervalMs.min, intervalMs.max)) {
    const at = atMs;
    const isFree = (fault: Fault): boolean => {
      const end = at + fault.durationMs;
      if (isCalm(at, end) && stopsHealthy(fault, topology)) return false;
      if (fault.kind.startsWith('postgres-') && standsStill(at, end)) return false;
      return resourcesOf(fault).every((name) => (busyUntil.get(name) ?? 0) <= at);
    };
    const free = (): ServerFault | undefined => waiting.map((kind) => plan(kind, at, random)).find(isFree);
    let fault = free();
    if (fault === undefined) {
      // what is left of this round would strike what is being struck already
      waiting = [...waiting, ...random.shuffled(bag)];
      fault = free();
    }
    if (fault === undefined) continue;
    const { kind, durationMs } = fault;
    for (const name of resourcesOf(fault)) busyUntil.set(name, at + durationMs + marginMs);
    faults.push(fault);
    waiting.splice(waiting.indexOf(kind), 1);
  }
  return faults;
}

function plan(kind: ServerFaultKind, atMs: number, random: Random): ServerFault {
  const process = random.pick(processNames);
  const fault = (victim: string, durationMs = 0, amount = 0): ServerFault => ({
    atMs,
    kind,
    victim,
    durationMs,
    amount,
  });
  // alone a process may be away for longer than any lock lasts; what all need comes back sooner
  const alone = random.chance(0.5);
  const links = alone ? process : 'all';
  const [server = ''] = kind.split('-');
  switch (kind) {
    case 'kill':
    case 'stop':
      return fault(process, random.integer(100, 2000));
    case 'freeze':
      return fault(process, random.chance(0.2) ? random.integer(11_000, 14_000) : random.integer(1000, 6000));
    case 'clock':
      return fault(process, random.integer(2000, 10_000), random.pick([-1, 1]) * 10 ** random.integer(3, 7));
    case 'redis-kill':
    case 'postgres-kill':
    case 'pgbouncer-kill':
    case 'nginx-kill':
      return fault(server, random.integer(0, 1500));
    case 'redis-freeze':
    case 'postgres-freeze':
    case 'pgbouncer-freeze':
    case 'nginx-freeze':
      return fault(server, random.integer(1000, 4000));
    case 'redis-old':
      return fault(server, random.integer(200, 4000));
    case 'redis-flush':
    case 'postgres-crash':
      return fault(server);
    case 'redis-key':
      return fault(random.chance(0.75) ? `${random.pick(strikable)}:${random.pick(saleKeys)}` : random.pick(queueKeys));
    case 'redis-cut':
    case 'postgres-cut':
      return fault(alone ? process : random.pick(['all', 'half']));
    case 'redis-slow':
    case 'postgres-slow':
      return fault(links, random.integer(1000, 4000), random.integer(20, 400));
    case 'redis-hole':
    case 'postgres-hole':
      return fault(links, random.integer(1000, alone ? 8000 : 3000), random.integer(0, 1));
  }
}

/** What a fault needs for itself while it lasts. */
function resourcesOf({ kind, victim }: Fault): string[] {
  if (kind === 'kill' || kind === 'stop' || kind === 'freeze' || kind === 'clock') return [victim];
  const [server = ''] = kind.split('-');
  if (!/-(cut|slow|hole)$/.test(kind)) return [server];
  const processes = processNames.some((name) => name === victim) ? [victim] : processNames;
  return processes.map((name) => `${server} of ${name}`);
}

type ServerFault = Fault & { readonly kind: ServerFaultKind };

function isServerFault(kind: FaultKind): kind is ServerFaultKind {
  return kind in serverFaults;
}
