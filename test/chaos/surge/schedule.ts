import { saleKeys } from '../../../src/redis/keys.js';
import { Random } from './random.js';
import { saleNames } from './sales.js';

export const processNames = ['api-1', 'api-2', 'worker-1', 'worker-2', 'reconciler'] as const;
export type ProcessName = (typeof processNames)[number];
export type ServerName = 'redis' | 'postgres';

/** What can go wrong, and how often for each time that the others do. */
export const faultKinds = {
  kill: 3,
  stop: 1,
  freeze: 2,
  clock: 1,
  'redis-kill': 2,
  'redis-freeze': 1,
  'redis-flush': 1,
  'redis-key': 2,
  'redis-old': 1,
  'redis-cut': 1,
  'redis-slow': 1,
  'redis-hole': 1,
  'postgres-kill': 2,
  'postgres-crash': 1,
  'postgres-freeze': 1,
  'postgres-cut': 1,
  'postgres-slow': 1,
  'postgres-hole': 1,
  'pgbouncer-kill': 2,
  'pgbouncer-freeze': 1,
  'nginx-kill': 2,
  'nginx-freeze': 1,
} as const;
export type FaultKind = keyof typeof faultKinds;

/** Of parts that only the topology has. */
export function needsTopology(kind: FaultKind): boolean {
  return /^(pgbouncer|nginx)-/.test(kind);
}

export const faultDescriptions: Readonly<Record<FaultKind, string>> = {
  kill: 'SIGKILL of one of our processes, started again after a while',
  stop: 'SIGTERM of one of our processes, started again after a while',
  freeze: 'SIGSTOP of one of our processes for a while',
  clock: "one of our processes' clock jumps, and later back",
  'redis-kill': 'SIGKILL of Redis, started again with its data',
  'redis-freeze': 'SIGSTOP of Redis for a while',
  'redis-flush': 'FLUSHALL',
  'redis-key': 'one key deleted',
  'redis-old': 'SIGKILL of Redis, started again with data from a while ago',
  'redis-cut': 'connections to Redis reset',
  'redis-slow': 'connections to Redis delayed for a while',
  'redis-hole': 'connections to Redis silent for a while, then going on or reset',
  'postgres-kill': "SIGKILL of PostgreSQL's postmaster, started again with its data",
  'postgres-crash': 'SIGKILL of one PostgreSQL backend: all of them restart',
  'postgres-freeze': 'SIGSTOP of all of PostgreSQL for a while',
  'postgres-cut': 'connections to PostgreSQL reset',
  'postgres-slow': 'connections to PostgreSQL delayed for a while',
  'postgres-hole': 'connections to PostgreSQL silent for a while, then going on or reset',
  'pgbouncer-kill': 'SIGKILL of PgBouncer, started again after a while (--topology)',
  'pgbouncer-freeze': 'SIGSTOP of PgBouncer for a while (--topology)',
  'nginx-kill': 'SIGKILL of nginx, all of it, started again after a while (--topology)',
  'nginx-freeze': 'SIGSTOP of nginx, all of it, for a while (--topology)',
};

/** One thing that will go wrong. */
export interface Fault {
  /** from the first purchase on */
  readonly atMs: number;
  readonly kind: FaultKind;
  /** a process, `all` or `half` of the connections, or a key (`SALE:KEY`, or one of BullMQ's) */
  readonly victim: string;
  /** for how long: down, frozen, slow, silent, wrong; of `redis-old`: how old the data are */
  readonly durationMs: number;
  /** `clock`: by how many ms; `*-slow`: ms of delay; `*-hole`: 1 when the connections are reset at the end */
  readonly amount: number;
}

/** Keys of BullMQ, by the names of its version 6. */
const queueKeys = ['wait', 'active', 'delayed', 'marker', 'stalled', 'meta', 'events', 'id'].map(
  (key) => `{sluice}:orders:${key}`,
);

const firstAtMs = 2000;
const intervalMs = { min: 1000, max: 3000 };
/** How much longer than planned a fault may last, before the next may strike the same victim. */
const marginMs = 1500;

/** All faults of a run, a matter of seed, length and kinds alone: one every 1 to 3 seconds, each kind in turn. */
export function planFaults(seed: number, seconds: number, kinds: readonly FaultKind[]): Fault[] {
  const random = new Random(seed);
  const faults: Fault[] = [];
  const busyUntil = new Map<string, number>();
  const bag = kinds.flatMap((kind) => Array<FaultKind>(faultKinds[kind]).fill(kind));
  if (bag.length === 0) return faults;
  let waiting: FaultKind[] = [];
  for (let atMs = firstAtMs; atMs < seconds * 1000; atMs += random.integer(intervalMs.min, intervalMs.max)) {
    const at = atMs;
    const isFree = (fault: Fault): boolean => resourcesOf(fault).every((name) => (busyUntil.get(name) ?? 0) <= at);
    const free = (): Fault | undefined => waiting.map((kind) => plan(kind, at, random)).find(isFree);
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

function plan(kind: FaultKind, atMs: number, random: Random): Fault {
  const process = random.pick(processNames);
  const fault = (victim: string, durationMs = 0, amount = 0): Fault => ({ atMs, kind, victim, durationMs, amount });
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
      return fault(random.chance(0.75) ? `${random.pick(saleNames)}:${random.pick(saleKeys)}` : random.pick(queueKeys));
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

/** One line for a person. */
export function describeFault({ atMs, kind, victim, durationMs, amount }: Fault): string {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const parts = [seconds(atMs).padStart(8), kind.padEnd(15), victim];
  if (durationMs > 0) parts.push(`${kind === 'redis-old' ? 'as of' : 'for'} ${seconds(durationMs)}`);
  if (kind === 'clock') parts.push(`by ${amount / 1000} s`);
  if (kind.endsWith('-slow')) parts.push(`by ${amount} ms`);
  if (kind.endsWith('-hole')) parts.push(amount === 1 ? 'then reset' : 'then going on');
  return parts.join('  ');
}
