/** @needs promtool */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { opsFolder, readRules, type Rule } from '../support/prometheus.js';
import { readDashboard } from '../support/dashboard.js';

const folder = join(opsFolder, 'prometheus');
const handbook = fileURLToPath(new URL('../../docs/operations.md', import.meta.url));

/** Debian's package `prometheus` has it. */
async function promtool(...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)('promtool', [...args], { cwd: folder });
  return stdout + stderr;
}

let rules: readonly Rule[];
beforeAll(async () => {
  rules = await readRules();
});

test('promtool takes configuration and rules', async () => {
  expect(await promtool('check', 'config', '--lint-fatal', 'prometheus.yml')).toContain(`${rules.length} rules found`);
});

test('promtool runs the unit tests of the alerts', async () => {
  expect(await promtool('test', 'rules', 'alerts.test.yml')).toContain('SUCCESS');
});

describe('each alert', () => {
  test('has a unit test in which it fires, and one in which it is silent', async () => {
    interface UnitTest {
      readonly name: string;
      readonly promql_expr_test: readonly { readonly expr: string; readonly exp_samples: readonly unknown[] }[];
    }
    const { tests } = parse(await readFile(join(folder, 'alerts.test.yml'), 'utf8')) as { tests: UnitTest[] };
    for (const { alert } of rules) {
      const own = tests.filter(({ promql_expr_test: [first] }) => first?.expr.includes(`alertname="${alert}"`));
      const fires = own.map(({ promql_expr_test: [first] }) => (first?.exp_samples.length ?? 0) > 0);
      expect({ alert, fires: new Set(fires) }).toEqual({ alert, fires: new Set([true, false]) });
    }
  });

  test('has its entry in the runbook, and the runbook has none for an alert that is gone', async () => {
    const headings = [...(await readFile(handbook, 'utf8')).matchAll(/^### (Sluice\w+)$/gm)].map(([, name]) => name);
    expect(headings).toEqual(rules.map(({ alert }) => alert));
    for (const { alert, annotations, labels } of rules) {
      expect(annotations.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`);
      expect(annotations.summary).not.toBe('');
      expect(['page', 'ticket']).toContain(labels.severity);
    }
  });
});

test('Grafana is given the dashboard with the data source that it names', async () => {
  const provisioned = parse(
    await readFile(join(opsFolder, 'grafana/provisioning/datasources/prometheus.yml'), 'utf8'),
  ) as { datasources: { uid: string }[] };
  const { panels } = await readDashboard();
  expect(new Set(panels.map(({ datasource }) => datasource.uid))).toEqual(
    new Set(provisioned.datasources.map(({ uid }) => uid)),
  );
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
});
