import { readFile, rm } from 'node:fs/promises';

import { becomesTrue } from './poll.js';
import { runsWithArgument } from './process-identity.js';

/** A killed parent's servers take this long at most: see the stop signals in supervise.ts. */
const LEFTOVER_TIMEOUT_MS = 20_000;

/**
 * Waits until the server whose pid is on the first line of `pidFile` has gone, so that two never share a folder: after a crash of its
 * parent the old one may still be stopping. A pid that now belongs to another program is a stale file and is removed (PostgreSQL would
 * refuse to start because of it).
 *
 * @param argument an argument that only a server of this folder has on its command line
 * @throws Error when it is still there after 20 s: it is not ours to end
 */
export async function awaitLeftover(pidFile: string, argument: string): Promise<void> {
  const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
  if (!(pid > 0)) return;
  const isGone = async (): Promise<boolean> => !(await runsWithArgument(pid, argument));
  if (!(await becomesTrue(isGone, { timeoutMs: LEFTOVER_TIMEOUT_MS }))) {
    throw new Error(`a server of another process (pid ${String(pid)}) still works in ${argument}; stop it first`);
  }
  await rm(pidFile, { force: true });
}
