import { execFileSync } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jsonOf, runTool, typescript, type ToolRun } from '../system/tool.js';

/** Requests as fast as so many connections get answers. */
export interface ClosedLoop {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** file of tokens, one a line; each request takes the next */
  readonly tokens: string;
  /** begins every idempotency key; '': none is sent */
  readonly keys: string;
  readonly body: string;
  /** file of paths, one a line, that take the place of `path`; each request takes the next */
  readonly paths?: string;
  /** each request says that it comes from an address of its own, as a proxy does */
  readonly addresses?: boolean;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** answers of 400 and above */
  readonly refused: number;
  /** requests without an answer */
  readonly broken: number;
  /** of one core, the load generator's own */
  readonly cpuShare: number;
}

export interface Where {
  /** for files that come and go */
  readonly dir: string;
  readonly stop: AbortSignal;
}

const script = fileURLToPath(new URL('requests.lua', import.meta.url));
const autocannon = fileURLToPath(new URL('autocannon.ts', import.meta.url));
let jobs = 0;

/** The load generator of closed loops: wrk costs the machine a third of what autocannon does. */
export const generatorName = hasWrk() ? 'wrk' : 'autocannon';

/** @throws Error when a request got no answer at all; the reason of `stop` */
export async function runClosedLoop(load: ClosedLoop, where: Where): Promise<LoadResult> {
  const { output, cpuShare } = generatorName === 'wrk' ? await runWrk(load, where) : await runAutocannon(load, where);
  const result = jsonOf(output) as Omit<LoadResult, 'cpuShare'>;
  if (result.broken > 0) throw new Error(`${result.broken} requests got no answer from ${load.url}${load.path}`);
  return { ...result, cpuShare };
}

function runWrk(load: ClosedLoop, where: Where): Promise<ToolRun> {
  const { url, method, path, tokens, keys, body, paths = '', addresses = false, connections, seconds } = load;
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, `${url}${path}`];
  return runTool('wrk', [...args, '--', method, tokens, keys, body, paths, addresses ? 'addresses' : ''], where);
}

async function runAutocannon(load: ClosedLoop, where: Where): Promise<ToolRun> {
  const file = join(where.dir, `closed-loop-${++jobs}.json`);
  await writeFile(file, JSON.stringify(load));
  try {
    return await runTool(process.execPath, [...typescript, autocannon, file], where);
  } finally {
    await rm(file);
  }
}

function hasWrk(): boolean {
  try {
    execFileSync('/bin/sh', ['-c', 'command -v wrk'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
