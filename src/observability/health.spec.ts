import { expect, test } from '@jest/globals';

import { HealthChecks } from './index.js';

const up = { name: 'redis', check: () => Promise.resolve([]) };

test('when every server answers, then the report is ok', async () => {
  const health = new HealthChecks();
  health.add(up);
  expect(await health.report()).toEqual({ status: 'ok', checks: { redis: { status: 'up' } } });
});

test('when a server fails or says nothing, then the report names it within little more than a second', async () => {
  const health = new HealthChecks();
  health.add(up);
  health.add({ name: 'postgres', check: () => Promise.reject(new Error('password wrong')) });
  health.add({ name: 'silent', check: () => new Promise(() => undefined) });
  const startedAt = Date.now();
  const report = await health.report();
  expect(Date.now() - startedAt).toBeLessThan(2000);
  expect(report).toEqual({
    status: 'unavailable',
    checks: { redis: { status: 'up' }, postgres: { status: 'down' }, silent: { status: 'down' } },
  });
});

test('when many ask, then each server is asked five times a second at the most', async () => {
  let asked = 0;
  let answers = true;
  const health = new HealthChecks();
  health.add({
    name: 'redis',
    check: () => (asked++, answers ? Promise.resolve([]) : Promise.reject(new Error('gone'))),
  });
  const reports = await Promise.all(Array.from({ length: 100 }, () => health.report()));
  expect(new Set(reports.map(({ status }) => status))).toEqual(new Set(['ok']));
  answers = false;
  const startedAt = performance.now();
  while ((await health.report()).status === 'ok') await new Promise((resolve) => setTimeout(resolve, 20));
  expect(asked).toBe(2);
  expect(performance.now() - startedAt).toBeLessThan(1000);
});
