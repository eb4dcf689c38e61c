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
