import { readdirSync, readFileSync } from 'node:fs';

/** What Linux counts processor time in. */
const ticksPerSecond = 100;

/** Processor time of a process so far, its threads included; null: it is gone, or this is not Linux. */
export function cpuSecondsOf(pid: number): number | null {
  const stat = statOf(pid);
  return stat === null ? null : (Number(stat[11]) + Number(stat[12])) / ticksPerSecond;
}

function endedChildrenSeconds(pid: number): number {
  const stat = statOf(pid);
  return stat === null ? 0 : (Number(stat[13]) + Number(stat[14])) / ticksPerSecond;
}

/** The fields of /proc/PID/stat from the state on; null: it is gone, or this is not Linux. */
function statOf(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the name, in brackets, may hold anything
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** How many cores each of some servers uses, their child processes included: PostgreSQL has one for each connection. */
export class CoreMeter {
  private readonly startedAt = performance.now();
  private readonly before: ReadonlyMap<string, number>;

  /** @param servers pids by name */
  constructor(private readonly servers: Readonly<Record<string, number>>) {
    this.before = this.secondsByName();
  }

  /** Cores since this was made, by `NAMECores`. */
  read(): Record<string, number> {
    const seconds = (performance.now() - this.startedAt) / 1000;
    const now = this.secondsByName();
    return Object.fromEntries(
      [...now].map(([name, used]) => [`${name}Cores`, (used - (this.before.get(name) ?? 0)) / seconds]),
    );
  }

  private secondsByName(): Map<string, number> {
    const children = childrenByParent();
    return new Map(
      Object.entries(this.servers).map(([name, pid]) => {
        const pids = [pid, ...(children.get(pid) ?? [])];
        const running = pids.reduce((sum, each) => sum + (cpuSecondsOf(each) ?? 0), 0);
        return [name, running + endedChildrenSeconds(pid)];
      }),
    );
  }
}

/** Pids by the pid of their parent; empty where there is no /proc. */
function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of existingProcesses()) {
    const parent = Number(statOf(Number(name))?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  return children;
}

function existingProcesses(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}
