import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { supervise } from '../../src/embedded/supervise.js';
import { cpuSecondsOf } from './cpu.js';

/** Loads our TypeScript into plain node. */
export const typescript = ['--import', './test/support/typescript.mjs'];

const cpuSampleMs = 100;

export interface ToolRun {
  /** all that it printed */
  readonly output: string;
  /** processor time over run time: 1 is one core; NaN where /proc does not tell */
  readonly cpuShare: number;
}

let runs = 0;

/** Runs a program to its end. It ends with this process, whatever ends it. @throws the reason of `stop` */
export async function runTool(
  command: string,
  args: readonly string[],
  { dir, stop }: { readonly dir: string; readonly stop: AbortSignal },
): Promise<ToolRun> {
  stop.throwIfAborted();
  const logFile = join(dir, `tool-${++runs}.log`);
  const startedAt = performance.now();
  const tool = await supervise(command, args, { stopSignals: ['KILL'], logFile, cwd: process.cwd() });
  const kill = (): void => {
    void tool.stop();
  };
  stop.addEventListener('abort', kill);
  let cpuSeconds = NaN;
  try {
    while (!tool.hasEnded()) {
      cpuSeconds = cpuSecondsOf(tool.pid) ?? cpuSeconds;
      await Promise.race([tool.ended, delay(cpuSampleMs)]);
    }
    stop.throwIfAborted();
    const seconds = (performance.now() - startedAt) / 1000;
    return { output: await readFile(logFile, 'utf8'), cpuShare: cpuSeconds / seconds };
  } finally {
    stop.removeEventListener('abort', kill);
    await rm(logFile, { force: true });
  }
}

/** The line of JSON that a tool printed among others. @throws Error with what it said instead */
export function jsonOf(output: string): unknown {
  const line = output.split('\n').findLast((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`the load generator gave no result: ${output.trim().slice(-500)}`);
  return JSON.parse(line);
}
