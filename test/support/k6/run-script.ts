import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runScenario } from './executors.js';
import type { Options } from './options.js';
import { registry } from './registry.js';
import { summaryData, type SummaryData } from './summary-data.js';
import { keeps } from './thresholds.js';

interface Script {
  readonly options: Options;
  readonly setup?: () => unknown;
  readonly handleSummary?: (data: SummaryData) => Record<string, string>;
  readonly [name: string]: unknown;
}

export interface RunResult {
  /** what handleSummary wants written: by file name, or `stdout` */
  readonly outputs: Readonly<Record<string, string>>;
  readonly kept: boolean;
}

/**
 * A run of a script from its init code to handleSummary. The process is the run: metrics and `__ENV` are its own.
 * @throws Error when the script cannot be loaded, its setup fails, or a threshold is none
 */
export async function runScript(url: URL, env: Readonly<Record<string, string>>): Promise<RunResult> {
  Object.assign(globalThis, {
    __ENV: env,
    open: (path: string) => readFileSync(path.startsWith('file:') ? fileURLToPath(path) : path, 'utf8'),
  });
  const script = (await import(url.href)) as Script;
  const { options } = script;
  const { thresholds = {}, scenarios } = options;
  for (const [name, expressions] of Object.entries(thresholds)) {
    const metric = registry.metrics.get(name);
    if (metric === undefined) throw new Error(`threshold for ${name}, which is no metric of this script`);
    for (const expression of expressions) keeps(metric, expression, 1);
  }
  const handed = await script.setup?.();
  const startedAt = performance.now();
  await Promise.all(
    Object.entries(scenarios).map(([name, scenario]) => {
      const work = script[scenario.exec ?? 'default'];
      if (typeof work !== 'function') throw new Error(`${name}: the script exports no ${scenario.exec ?? 'default'}`);
      return runScenario(name, scenario, () => (work as (data: unknown) => unknown)(handed));
    }),
  );
  const data = summaryData(options, performance.now() - startedAt);
  const kept = Object.values(data.metrics).every((metric) =>
    Object.values(metric.thresholds ?? {}).every(({ ok }) => ok),
  );
  return { outputs: script.handleSummary?.(data) ?? {}, kept };
}
