import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { freePort } from '../../src/embedded/index.js';
import { logTail, supervise } from '../../src/embedded/supervise.js';

export const opsFolder = fileURLToPath(new URL('../../ops/', import.meta.url));

/** `host:port` of the processes of each job of ops/prometheus/prometheus.yml */
export type Targets = Readonly<Record<string, readonly string[]>>;

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<'summary' | 'description' | 'runbook_url', string>>;
}

interface RulesFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

interface ConfigFile {
  readonly global: Record<string, string>;
  readonly scrape_configs: readonly { readonly job_name: string }[];
}

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** seconds since the epoch, and value */
  readonly points: readonly (readonly [number, number])[];
}

/** A real Prometheus on 127.0.0.1 with the configuration of ops/. */
export interface Prometheus {
  readonly url: string;
  query(expr: string): Promise<readonly { readonly labels: Series['labels']; readonly value: number }[]>;
  /** @param from, to seconds since the epoch */
  range(expr: string, from: number, to: number, stepSeconds: number): Promise<readonly Series[]>;
  /** names of the alerts that fire just now */
  firing(): Promise<ReadonlySet<string>>;
  stop(): Promise<void>;
}

export interface PrometheusOptions {
  readonly targets: Targets;
  readonly scrapeMs: number;
  /** every `for:` and every `[range]` of the rules is divided by this; the expressions stay as they are otherwise */
  readonly speed?: number;
}

export async function readRules(): Promise<readonly Rule[]> {
  const { groups } = parse(await readFile(join(opsFolder, 'prometheus/alerts.yml'), 'utf8')) as RulesFile;
  return groups.flatMap(({ rules }) => rules);
}

/** Starts the one on the PATH, in a folder that goes with it. It ends with this process. */
export async function startPrometheus({ targets, scrapeMs, speed = 1 }: PrometheusOptions): Promise<Prometheus> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-prometheus-'));
  await writeConfig(dir, targets, scrapeMs, speed);
  const port = await freePort();
  const logFile = join(dir, 'prometheus.log');
  const flags = {
    'config.file': join(dir, 'prometheus.yml'),
    'storage.tsdb.path': join(dir, 'data'),
    'web.listen-address': `127.0.0.1:${port}`,
    'log.level': 'warn',
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const server = await supervise('prometheus', args, { stopSignals: ['TERM', 'KILL'], logFile, cwd: dir });
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  };

  const isReady = async (): Promise<boolean> => (await fetch(`${url}/-/ready`).catch(() => null))?.status === 200;
  for (const deadline = performance.now() + 15_000; !(await isReady());) {
    if (!server.hasEnded() && performance.now() < deadline) continue;
    const said = await logTail(logFile);
    await stop();
    throw new Error(`Prometheus did not start: ${said}`);
  }

  const ask = async <T>(path: string, parameters: Record<string, string | number> = {}): Promise<T> => {
    const query = new URLSearchParams(
      Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]),
    );
    const response = await fetch(`${url}/api/v1/${path}?${query.toString()}`);
    const body = (await response.json()) as { status: string; error?: string; data: T };
    if (body.status !== 'success') throw new Error(`${path}: ${String(body.error)}: ${query.toString()}`);
    return body.data;
  };
  return {
    url,
    stop,
    async query(expr) {
      const { result } = await ask<{ result: { metric: Series['labels']; value: [number, string] }[] }>('query', {
        query: expr,
      });
      return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    async range(expr, from, to, stepSeconds) {
      const { result } = await ask<{ result: { metric: Series['labels']; values: [number, string][] }[] }>(
        'query_range',
        { query: expr, start: from, end: to, step: stepSeconds },
      );
      return result.map(({ metric, values }) => ({
        labels: metric,
        points: values.map(([at, value]) => [at, Number(value)] as const),
      }));
    },
    async firing() {
      const { alerts } = await ask<{ alerts: { labels: { alertname: string }; state: string }[] }>('alerts');
      return new Set(alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname));
    },
  };
}

/** The files of ops/ with these targets in place of names that only a network of containers knows, and durations divided. */
async function writeConfig(dir: string, targets: Targets, scrapeMs: number, speed: number): Promise<void> {
  await mkdir(join(dir, 'data'));
  const config = parse(await readFile(join(opsFolder, 'prometheus/prometheus.yml'), 'utf8')) as ConfigFile;
  const every = `${scrapeMs}ms`;
  Object.assign(config.global, { scrape_interval: every, scrape_timeout: every, evaluation_interval: every });
  const scrapes = config.scrape_configs.map(({ job_name: name }) => ({
    job_name: name,
    static_configs: [{ targets: targets[name] ?? [] }],
  }));
  await writeFile(join(dir, 'prometheus.yml'), stringify({ ...config, scrape_configs: scrapes }));
  const groups = [{ name: 'sluice', rules: (await readRules()).map((rule) => sooner(rule, speed)) }];
  await writeFile(join(dir, 'alerts.yml'), stringify({ groups }));
}

const msOf: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

function sooner(rule: Rule, speed: number): Rule {
  const divided = (text: string): string =>
    text.replace(/^(\d+)([smh])$/, (_, n: string, unit: string) => `${(Number(n) * (msOf[unit] ?? NaN)) / speed}ms`);
  return {
    ...rule,
    expr: rule.expr.replace(/\[(\w+)\]/g, (_, range: string) => `[${divided(range)}]`),
    ...(rule.for === undefined ? {} : { for: divided(rule.for) }),
  };
}
