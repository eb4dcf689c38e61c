import { readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem, type } from 'node:os';
import { format } from 'prettier';
import type { Details } from '../figures/figure.js';
import type { Bucket } from '../load/generator-job.js';
import type { StrategyRace } from '../races/race.js';
import type { Result } from './result.js';

const file = new URL('../results.json', import.meta.url);

export interface Machine {
  readonly system: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
}

/** All of `bench/results.json`. */
export interface ResultsFile {
  /** when the latest run ended; figures that it did not measure are older */
  readonly measuredAt: string;
  /** true: short runs that say nothing about speed */
  readonly quick: boolean;
  readonly machine: Machine;
  readonly results: readonly Result[];
  readonly races: readonly StrategyRace[];
  /** ours under `accept`'s load */
  readonly timeline: readonly Bucket[];
  /** facts beside the figures, by name */
  readonly details: Readonly<Record<string, Details>>;
}

export function machine(): Machine {
  const [cpu] = cpus();
  return {
    system: `${type()} ${process.arch}`,
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
}

/** What is in the file; null: nothing that this run's figures may stand beside. */
export async function readResults(quick: boolean): Promise<ResultsFile | null> {
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return null;
  const found = JSON.parse(text) as ResultsFile;
  const isAlike = found.quick === quick && JSON.stringify(found.machine) === JSON.stringify(machine());
  return isAlike ? found : null;
}

export async function writeResults(results: ResultsFile): Promise<void> {
  await writeFile(file, await format(JSON.stringify(results), { parser: 'json', printWidth: 120 }));
}
