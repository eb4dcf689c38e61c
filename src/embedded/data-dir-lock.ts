import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { startMark } from './process-identity.js';

const PREFIX = 'lock.';

/** Another process already works in the folder. */
export class AlreadyRunning extends Error {
  constructor(
    readonly pid: number,
    readonly dir: string,
  ) {
    super(`one is already running (pid ${String(pid)}) in ${dir}`);
    this.name = 'AlreadyRunning';
  }
}

/** The right to a data folder, until it is released or the process ends. */
export interface DataDirLock {
  /** Gives the folder free. Safe to repeat. */
  release(): Promise<void>;
}

interface Claim {
  pid: number;
  mark: string;
  released: boolean;
}

/**
 * Makes this process the only one in `dir`, which is created when missing. What a dead process left behind is taken over.
 *
 * The lock is a series of files `lock.1`, `lock.2`, …; the highest holds. A taker adds the next one, by link(2), which fails when it is there:
 * of several that find the same dead holder one wins. Nobody removes the highest, not even its owner (who only marks it as released), so there
 * is no moment in which a lock can be removed that was just taken. A taker removes older ones; one so late that the number it tried was
 * removed already sees the higher one afterwards and steps back.
 *
 * @throws AlreadyRunning
 */
export async function lockDataDir(dir: string): Promise<DataDirLock> {
  await mkdir(dir, { recursive: true, mode: 0o711 });
  const claim: Claim = { pid: process.pid, mark: (await startMark(process.pid)) ?? '', released: false };
  for (;;) {
    const latest = await latestGeneration(dir);
    const holder = latest === 0 ? null : await readClaim(join(dir, PREFIX + String(latest)));
    if (holder && (await holds(holder))) throw new AlreadyRunning(holder.pid, dir);
    const mine = latest + 1;
    if (!(await create(join(dir, PREFIX + String(mine)), claim))) continue;
    if ((await latestGeneration(dir)) > mine) {
      await rm(join(dir, PREFIX + String(mine)), { force: true });
      continue;
    }
    await removeBelow(dir, mine);
    return lockOn(join(dir, PREFIX + String(mine)), claim);
  }
}

function lockOn(file: string, claim: Claim): DataDirLock {
  return {
    async release() {
      claim.released = true;
      await writeFile(file, JSON.stringify(claim)).catch(ignoreMissing);
    },
  };
}

async function holds(claim: Claim): Promise<boolean> {
  return !claim.released && (await startMark(claim.pid)) === claim.mark;
}

async function generations(dir: string): Promise<number[]> {
  const names = await readdir(dir);
  return names.filter((name) => /^lock\.\d+$/.test(name)).map((name) => Number(name.slice(PREFIX.length)));
}

async function latestGeneration(dir: string): Promise<number> {
  return Math.max(0, ...(await generations(dir)));
}

async function removeBelow(dir: string, generation: number): Promise<void> {
  const older = (await generations(dir)).filter((other) => other < generation);
  await Promise.all(older.map((other) => rm(join(dir, PREFIX + String(other)), { force: true })));
}

/** Null: unreadable, such as cut off by a power failure. The file appears by link with all of its content, so it is not a claim under way. */
async function readClaim(file: string): Promise<Claim | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Claim;
  } catch {
    return null;
  }
}

async function create(file: string, claim: Claim): Promise<boolean> {
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(claim), { flag: 'wx' });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
