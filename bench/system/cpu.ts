import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** What Linux counts processor time in. */
const ticksPerSecond = 100;

/** Processor time of a process so far, its threads included; null: it is gone, or this is not Linux. */
export function cpuSecondsOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the name, in brackets, may hold anything
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return null;
  }
}

/** How much of the machine was in use between two readings, 0 to 1. */
export class MachineLoad {
  private readonly before = totals();

  /** @returns the share since this was made */
  busy(): number {
    const now = totals();
    const all = now.all - this.before.all;
    return all === 0 ? NaN : 1 - (now.idle - this.before.idle) / all;
  }
}

function totals(): { idle: number; all: number } {
  let idle = 0;
  let all = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    all += times.idle + times.user + times.sys + times.nice + times.irq;
  }
  return { idle, all };
}
