export const processNames = ['api-1', 'api-2', 'worker-1', 'worker-2', 'reconciler'] as const;
export type ProcessName = (typeof processNames)[number];
export type ServerName = 'redis' | 'postgres';

/** What can go wrong with processes, servers and lines, and how often for each time that the others do. */
export const serverFaults = {
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
export type ServerFaultKind = keyof typeof serverFaults;

/** What can be done to one sale. No other may feel it. */
export const saleFaults = ['mass-expiry', 'poison', 'held-gate', 'reload'] as const;

/** These come one after the other, beside the others. */
export const longFaults = [...saleFaults, 'standstill'] as const;
export type LongFaultKind = (typeof longFaults)[number];

export type FaultKind = ServerFaultKind | LongFaultKind;
export const faultKinds: readonly FaultKind[] = [...(Object.keys(serverFaults) as ServerFaultKind[]), ...longFaults];

export function isSaleFault(kind: FaultKind): boolean {
  return saleFaults.some((each) => each === kind);
}

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
  'mass-expiry': 'as many holds as --crowd says lapse at once, with late payments and an admin who looks',
  'held-gate': "somebody holds a sale's gate for up to a minute, and its orders are cancelled",
  poison: 'PostgreSQL refuses every order of a sale, one by one, for a while',
  reload: 'one key of the large sale deleted, so that all of it is loaded again',
  standstill: 'all of PostgreSQL stands still, or all lines to it are silent, for up to 90 s (runs of 120 s or more)',
};

/** One thing that will go wrong. */
export interface Fault {
  /** from the first purchase on */
  readonly atMs: number;
  readonly kind: FaultKind;
  /** a process, a server, a sale, `all` or `half` of the connections, or a key (`SALE:KEY`, or one of BullMQ's) */
  readonly victim: string;
  /** for how long: down, frozen, slow, silent, wrong; of `redis-old`: how old the data are */
  readonly durationMs: number;
  /**
   * `clock`: by how many ms; `*-slow`: ms of delay; `*-hole`: 1 when the connections are reset at the end; `mass-expiry`: how many
   * holds; `standstill`: 1 when it is the lines
   */
  readonly amount: number;
}

/** What the buyers of the healthy sale need whatever becomes of other sales: the node that they call, and who writes their orders. */
function healthyNeeds(topology: boolean): readonly ProcessName[] {
  return topology ? ['api-1', 'api-2', 'worker-1', 'worker-2'] : ['api-1', 'worker-1', 'worker-2'];
}

/** Whether the fault stops a server that the buyers of the healthy sale need, so that nobody can promise them anything. */
export function stopsHealthy({ kind, victim }: Pick<Fault, 'kind' | 'victim'>, topology: boolean): boolean {
  if (isSaleFault(kind) || kind === 'clock') return false;
  if (kind === 'redis-key') return victim.startsWith('{'); // the queue of all sales
  const name = processNames.find((each) => each === victim);
  return name === undefined || healthyNeeds(topology).includes(name);
}

/** One line for a person. */
export function describeFault({ atMs, kind, victim, durationMs, amount }: Fault): string {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const parts = [seconds(atMs).padStart(8), kind.padEnd(15), victim];
  if (durationMs > 0) parts.push(`${kind === 'redis-old' ? 'as of' : 'for'} ${seconds(durationMs)}`);
  if (kind === 'clock') parts.push(`by ${amount / 1000} s`);
  if (kind.endsWith('-slow')) parts.push(`by ${amount} ms`);
  if (kind.endsWith('-hole')) parts.push(amount === 1 ? 'then reset' : 'then going on');
  if (kind === 'mass-expiry') parts.push(`of ${amount} holds`);
  if (kind === 'standstill' && amount === 1) parts.push('of the lines');
  return parts.join('  ');
}
