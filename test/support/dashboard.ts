import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { opsFolder } from './prometheus.js';

export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly description?: string;
  readonly datasource: { readonly uid: string };
  readonly fieldConfig: { readonly defaults: { readonly unit: string } };
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
}

/** The Grafana dashboard of ops/. */
export async function readDashboard(): Promise<{ readonly panels: readonly Panel[] }> {
  return JSON.parse(await readFile(join(opsFolder, 'grafana/dashboards/sluice.json'), 'utf8')) as {
    panels: readonly Panel[];
  };
}

/** A panel's query as Grafana sends it, with this in place of what Grafana fills in. */
export function filledIn(expr: string, range: string): string {
  return expr.replaceAll('$__rate_interval', range);
}
