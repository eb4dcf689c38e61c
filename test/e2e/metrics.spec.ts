import type { AddressInfo, Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { admin, buyer } from '../support/api-client.js';
import { openSale, purchase, reconcile, writtenOrder } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

let system: System;

beforeAll(async () => {
  system = await startSystem();
});

afterAll(() => system.stop());

/** Every sample of a node by its name and labels. Nodes: API, worker, reconciler. */
async function scrape(node = 0): Promise<{ text: string; samples: Map<string, number> }> {
  const { port } = (system.nodes[node]?.getHttpServer() as Server).address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const text = await response.text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const samples = lines.map((line) => {
    const end = line.lastIndexOf(' ');
    return [line.slice(0, end), Number(line.slice(end + 1))] as const;
  });
  return { text, samples: new Map(samples) };
}

test('when buyers were served and refused, then the API node tells of routes, outcomes and scripts', async () => {
  const sale = await openSale(system.api, { capacities: [2], maxPerBuyer: 1 });
  await purchase(system.api, sale, 'ann', { key: 'k' });
  await purchase(system.api, sale, 'ann', { key: 'k' });
  await purchase(system.api, sale, 'ann', {});
  await writtenOrder(system.api, sale, 'bob');
  await purchase(system.api, sale, 'cid');
  await system.api.request('HEAD', `/v1/sales/${sale.id}`);
  await system.api.get('/v1/sales/not-an-id');
  await system.api.get('/nowhere');
  await system.api.post(sale.orders, {}, {});

  const { samples } = await scrape();
  const value = (name: string): number | undefined => samples.get(`sluice_${name}`);
  expect(value('purchases_total{outcome="accepted"}')).toBe(2);
  expect(value('purchases_total{outcome="replayed"}')).toBe(1);
  expect(value('purchases_total{outcome="limit_exceeded"}')).toBe(1);
  expect(value('purchases_total{outcome="sold_out"}')).toBe(1);
  expect(value('http_refusals_total{code="unauthenticated"}')).toBe(1);
  expect(value('http_requests_unmatched_total')).toBe(1);
  const purchases = 'http_request_duration_seconds_count{method="POST",route="/v1/sales/:saleId/orders"';
  expect(value(`${purchases},status="2xx"}`)).toBe(3);
  expect(value(`${purchases},status="4xx"}`)).toBe(3);
  const one = 'http_request_duration_seconds_count{method="HEAD",route="/v1/sales/:saleId",status="2xx"}';
  expect(value(one)).toBe(1);
  expect(value('script_duration_seconds_count{script="reserve"}')).toBeGreaterThanOrEqual(4);
  expect(value('intake_batch_orders_count')).toBeGreaterThan(0);
  expect(value('waiting_polls')).toBe(0);
  expect(value('overloaded')).toBe(0);
  expect(value('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);
  expect(value('process_cpu_seconds_total')).toBeGreaterThan(0);
});

test('when orders were written, then the worker tells of batches and transactions, and every node of what waits', async () => {
  const sale = await openSale(system.api);
  await writtenOrder(system.api, sale, 'dot');
  const worker = await scrape(1);
  expect(worker.samples.get('sluice_persist_batch_orders_count')).toBeGreaterThan(0);
  expect(worker.samples.get('sluice_transaction_duration_seconds_count{outcome="committed"}')).toBeGreaterThan(0);
  await until(async () => {
    for (const node of [0, 1, 2]) {
      const { samples } = await scrape(node);
      expect(samples.get('sluice_holds')).toBeGreaterThan(0);
      expect(samples.get('sluice_outbox_orders')).toBe(0);
      expect(samples.get('sluice_outbox_oldest_seconds')).toBe(0);
      expect(samples.get('sluice_dead_letters')).toBe(0);
      expect(samples.get('sluice_undelivered_returns')).toBe(0);
    }
    return true;
  });
});

test('when passes ran and a sale was reloaded, then whoever did it tells', async () => {
  const sale = await openSale(system.api);
  await system.redis.hincrby(`sluice:{${sale.id}}:stock`, sale.types[0] ?? '', 3);
  await until(async () => {
    const { samples } = await scrape(2);
    expect(samples.get('sluice_reload_duration_seconds_count')).toBeGreaterThan(0);
    expect(samples.get('sluice_reconciler_done_total{pass="compare"}')).toBeGreaterThan(0);
    expect(samples.get('sluice_drift_tickets')).toBe(0);
    for (const pass of ['expire', 'return', 'requeue', 'close', 'compare']) {
      expect(samples.get(`sluice_reconciler_pass_duration_seconds_count{pass="${pass}"}`)).toBeGreaterThan(0);
    }
    return true;
  });
  await reconcile(system.api);
});

test('when hundreds of buyers and bad paths came by, then none of them became a label', async () => {
  const sale = await openSale(system.api);
  const ask = async (i: number): Promise<void> => {
    await system.api.get(`/v1/sales/${sale.id}/orders/${i}`, buyer(`b${i}`));
    await system.api.get(`/nothing/${i}`);
    await system.api.get(`/v1/admin/sales/x${i}`, admin);
  };
  await ask(0);
  const before = (await scrape()).samples;
  for (let i = 1; i < 300; i++) await ask(i);
  const { text, samples } = await scrape();
  const labelled = [...samples.keys()].filter((name) => name.includes('{') && !name.startsWith('sluice_nodejs_'));
  const added = labelled.filter((name) => !before.has(name));
  expect(added).toEqual([]);
  expect(text).not.toContain(sale.id);
});

test('when Redis is away, then a scrape is answered without its figures', async () => {
  await system.servers.redis.kill('SIGSTOP');
  try {
    await new Promise((resolve) => setTimeout(resolve, 1100)); // what was read before is no longer fresh
    const startedAt = performance.now();
    const { samples } = await scrape();
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect(samples.has('sluice_outbox_orders')).toBe(false);
    expect(samples.get('sluice_holds')).toBeGreaterThan(0);
    expect(samples.get('sluice_purchases_total{outcome="accepted"}')).toBeGreaterThan(0);
  } finally {
    await system.servers.redis.kill('SIGCONT');
  }
});
