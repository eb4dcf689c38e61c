import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A mark that tells a process from any later one with the same pid: its start time, with the boot it belongs to.
 * In a container pids start from 1 at each start, so a pid alone is met again quickly.
 * Null means that no such process lives; a zombie counts as dead.
 */
export async function startMark(pid: number): Promise<string | null> {
  if (process.platform !== 'linux') return psField(pid, 'lstart');
  const stat = await readOrNull(`/proc/${String(pid)}/stat`);
  if (stat === null) return null;
  // Field 2 is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  if (state === 'Z' || state === 'X') return null;
  const boot = (await readOrNull('/proc/sys/kernel/random/boot_id')) ?? '';
  return `${boot.trim()}/${fields[19] ?? ''}`;
}

/** Whether the process lives and has this very argument on its command line. */
export async function runsWithArgument(pid: number, argument: string): Promise<boolean> {
  if ((await startMark(pid)) === null) return false;
  if (process.platform !== 'linux') return ((await psField(pid, 'command')) ?? '').includes(argument);
  const commandLine = (await readOrNull(`/proc/${String(pid)}/cmdline`)) ?? '';
  return commandLine.split('\0').includes(argument);
}

async function psField(pid: number, field: string): Promise<string | null> {
  try {
    const { stdout } = await run('ps', ['-o', `${field}=`, '-p', String(pid)]);
    return stdout.trim() || null;
  } catch {
    return null;
  }
}

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return null;
  }
}
