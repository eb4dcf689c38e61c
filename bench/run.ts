import { aborted, Interrupted, stopSignal } from '../src/cli/stop-signal.js';
import { Teardown } from '../src/cli/teardown.js';
import { startBench } from './bench.js';
import { figures } from './figures/index.js';
import type { Measured } from './figures/figure.js';
import { readOptions, usage, type BenchOptions } from './options.js';
import { startProfiler } from './system/profiler.js';
import { publish } from './report/publish.js';
import { raceTable, table } from './report/table.js';
import { full, quick } from './scale.js';

interface Outcome {
  readonly measured: readonly (Measured & { readonly name: string })[];
  /** figures that something went wrong with */
  readonly failed: readonly string[];
}

/** `npm run bench`: measures, prints a table, writes bench/results.json. */
const options = optionsOrExit();
const stop = stopSignal();
const teardown = new Teardown();
let exitCode = 1;
try {
  const { measured, failed } = await Promise.race([measure(options), interrupted()]);
  const results = await publish(measured, options);
  if (options.json) console.log(JSON.stringify(results, null, 2));
  else {
    console.log(`\n${table(measured.flatMap((figure) => figure.results))}`);
    const races = measured.flatMap((figure) => figure.races ?? []);
    if (races.length > 0) console.log(`\n${raceTable(races)}`);
    if (options.quick) console.log('\nShort runs of a small size: they show that all works, not how fast.');
  }
  if (failed.length > 0) throw new Error(`could not be measured: ${failed.join(', ')}`);
  exitCode = 0;
} catch (error) {
  if (stop.aborted && stop.reason instanceof Interrupted) exitCode = stop.reason.exitCode;
  console.error(`bench: ${describe(error)}`);
}
await teardown.run();
process.exit(exitCode);

async function measure({ names, quick: isQuick, profiles }: BenchOptions): Promise<Outcome> {
  const bench = await startBench(isQuick ? quick : full, stop, teardown, say);
  const measured = [];
  const failed = [];
  for (const figure of figures.filter(({ name }) => names.includes(name))) {
    stop.throwIfAborted();
    try {
      const profiler = profiles === null ? null : await startProfiler(bench, profiles);
      measured.push({ name: figure.name, ...(await figure.measure(bench)) });
      await profiler?.finish(figure.name);
    } catch (error) {
      stop.throwIfAborted();
      say(`${figure.name}: ${describe(error)}`);
      failed.push(figure.name);
    }
  }
  return { measured, failed };
}

/** Whatever is awaited just then, the run ends. */
async function interrupted(): Promise<never> {
  await aborted(stop);
  throw stop.reason;
}

function optionsOrExit(): BenchOptions {
  try {
    const read = readOptions(process.argv.slice(2));
    if (read !== null) return read;
  } catch (error) {
    console.error(`bench: ${describe(error)}\n\n${usage}`);
    process.exit(2);
  }
  console.log(usage);
  process.exit(0);
}

function say(text: string): void {
  console.error(text);
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
