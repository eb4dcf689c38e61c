import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jsonOf, runTool, typescript } from '../system/tool.js';
import type { GeneratorJob, GeneratorResult } from './generator-job.js';

const generator = fileURLToPath(new URL('generator.ts', import.meta.url));
let jobs = 0;

/** Has our own load generator, a process of its own, do a job. @throws Error when a connection breaks */
export async function runGenerator(
  job: GeneratorJob,
  where: { readonly dir: string; readonly stop: AbortSignal },
): Promise<GeneratorResult & { readonly cpuShare: number }> {
  const file = join(where.dir, `job-${++jobs}.json`);
  await writeFile(file, JSON.stringify(job));
  try {
    const { output, cpuShare } = await runTool(process.execPath, [...typescript, generator, file], where);
    return { ...(jsonOf(output) as GeneratorResult), cpuShare };
  } finally {
    await rm(file);
  }
}
