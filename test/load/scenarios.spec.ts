/** @needs chromium */
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { adminApi } from '../../load-tests/verify/admin-api.js';
import { audit, isClean } from '../../load-tests/verify/audit.js';
import { admin, adminKey } from '../support/api-client.js';
import { startBrowser, violationsOf, visitor } from '../support/browser.js';
import { expectStatus, openSale, purchase, type GivenSale } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { LoadFolder, readReport, verdictsOf, type LoadRun } from './load-run.js';

/** Each a second or two, on a sale of its own; all at once. */
const sizes = {
  smoke: {},
  surge: { RATE: 60, DURATION: 2 },
  sustained: { RATE: 30, DURATION: 1.5 },
  spike: { RATE: 100, DURATION: 2 },
  soak: { RATE: 15, DURATION: 1.5 },
  polling: { VUS: 10, DURATION: 1, LOOKS: 5, POLL_SECONDS: 0.1 },
  checkout: { RATE: 15, DURATION: 1.5, THINK_SECONDS: 0.1 },
  abuse: { RATE: 40, DURATION: 1.5 },
};
type Script = keyof typeof sizes;
const scripts = Object.keys(sizes) as Script[];

const slowMs = 60_000;
let system: System;
let folder: LoadFolder;
let runs: Record<Script, { sale: GivenSale; run: LoadRun }>;

beforeAll(async () => {
  [system, folder] = await Promise.all([startSystem(), LoadFolder.make(500)]);
  const limited = await system.startApi({ RATE_LIMIT_BUYER: '5/1s' });
  const started = scripts.map(async (script) => {
    const { url } = script === 'abuse' ? limited : system.api;
    const sale = await openSale(system.api, { capacities: [script === 'surge' ? 20 : 5_000], maxPerBuyer: 1_000 });
    return [script, { sale, run: await folder.run(script, url, sale.id, sizes[script]) }] as const;
  });
  runs = Object.fromEntries(await Promise.all(started)) as typeof runs;
}, slowMs);

afterAll(async () => {
  await folder.remove();
  await system.stop();
});

describe.each(scripts)('when %s is run', (script) => {
  test('then it ends by itself, and keeps every threshold that is not of speed', async () => {
    const { run } = runs[script];
    const verdicts = verdictsOf(await readReport(run).catch(() => Promise.reject(new Error(run.output))));
    expect(verdicts.length).toBeGreaterThan(2);
    expect(verdicts.filter(({ ok, ofSpeed }) => !ok && !ofSpeed)).toEqual([]);
    expect({ code: run.code, output: run.output }).toMatchObject({ code: verdicts.every(({ ok }) => ok) ? 0 : 99 });
  });

  test('then no accepted order is lost, and no ticket too many is sold', async () => {
    const { run, sale } = runs[script];
    const { metrics } = await readReport(run);
    const accepted = metrics['accepted']?.values['count'] ?? 0;
    const found = await audit(adminApi(system.api.url, adminKey), sale.id, accepted, 10_000);
    expect({ clean: isClean(found), found }).toMatchObject({ clean: true });
    expect(accepted).toBe(Object.values(found.orders).reduce((sum, count) => sum + count, 0));
  });

  test('then its page needs nothing else and says what sent the load', async () => {
    const page = await readFile(runs[script].run.report.replace('.json', '.html'), 'utf8');
    expect(page).toContain('not by k6 itself');
    expect(page.match(/<svg/g)).toHaveLength(3);
    expect(page).not.toMatch(/NaN|undefined|Infinity|(?:src|href)=/);
  });
});

test('when the reports are opened in a browser, then none has an error, and each is readable', async () => {
  const browser = await startBrowser();
  try {
    const { page, errors } = await visitor(browser, 'file:///');
    for (const script of scripts) {
      await page.goto(pathToFileURL(runs[script].run.report.replace('.json', '.html')).href);
      expect(await page.title()).toMatch(
        new RegExp(`^${script}: (all \\d+ thresholds kept|\\d+ of \\d+ thresholds broken)$`),
      );
      expect(await violationsOf(page)).toEqual([]);
    }
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
  }
}, 30_000);

test('when a surge is larger than the stock, then the report counts what was refused', async () => {
  const { metrics } = await readReport(runs.surge.run);
  expect(metrics['accepted']?.values['count']).toBe(20);
  expect(metrics['sold_out']?.values['count']).toBeGreaterThan(0);
});

test('when a sale does not sell, then thresholds break and the exit code is 99', async () => {
  const sale = await openSale(system.api);
  expectStatus(200, await system.api.post(`${sale.admin}/pause`, admin));
  const run = await folder.run('smoke', system.api.url, sale.id, {});
  expect(run.output).toContain('BROKEN accepted count==20');
  expect(run.output).toContain('BROKEN checks rate==1');
  expect(run.code).toBe(99);
}, 30_000);

describe('when there is no worker', () => {
  let workerless: System;
  beforeAll(async () => {
    workerless = await startSystem({ workers: 0, reconcilers: 0 });
  }, slowMs);
  afterAll(() => workerless.stop());

  test('then a surge breaks its threshold, though no time was measured', async () => {
    const sale = await openSale(workerless.api, { capacities: [100], maxPerBuyer: 1_000 });
    const load = { RATE: 10, DURATION: 0.5, PATIENCE_SECONDS: 1 };
    const run = await folder.run('surge', workerless.api.url, sale.id, load);
    expect(run.output).toContain('BROKEN unwritten count==0');
    expect(run.output).toMatch(/kept +written_after_ms/);
    expect(run.code).toBe(99);
  }, 30_000);

  test('and few are let in, then quick refusals break thresholds, and honest buyers are missed', async () => {
    const narrow = await workerless.startApi({ RATE_LIMIT_GLOBAL: '5/1s' });
    const sale = await openSale(workerless.api, { capacities: [10_000], maxPerBuyer: 1_000 });
    const sustained = await folder.run('sustained', narrow.url, sale.id, { RATE: 40, DURATION: 1 });
    expect(sustained.output).toContain('BROKEN turned_away rate<0.05');
    expect(sustained.output).toMatch(/kept +accepted count>0/);
    const abuse = await folder.run('abuse', narrow.url, sale.id, { RATE: 40, DURATION: 1 });
    expect(abuse.output).toContain('BROKEN honest_served rate>0.95');
  }, 60_000);
});

test('when nobody answers, then the run fails and says where', async () => {
  const run = await folder.run('smoke', 'http://127.0.0.1:9', 'nowhere', {});
  expect(run.output).toContain('http://127.0.0.1:9/v1/sales/nowhere');
  expect(run.code).toBe(1);
}, 30_000);

test('when an order is not in the books, then the audit says so', async () => {
  const sale = await openSale(system.api);
  const found = await audit(adminApi(system.api.url, adminKey), sale.id, 1, 0);
  expect(found).toMatchObject({ lost: 1, unanswered: 0, oversold: 0, drift: 0 });
  expect(isClean(found)).toBe(false);
});

test('when an order is in the books whose answer nobody got, then the audit says so: another that is lost would not show', async () => {
  const sale = await openSale(system.api);
  expectStatus(202, await purchase(system.api, sale, 'unheard'));
  const found = await audit(adminApi(system.api.url, adminKey), sale.id, 0, 10_000);
  expect(found).toMatchObject({ lost: 0, unanswered: 1 });
  expect(isClean(found)).toBe(true);
});
