import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../src/embedded/index.js';
import { buyer } from '../support/api-client.js';
import { startCollector, type CollectedSpan, type Collector } from '../support/collector.js';
import { expectStatus, openSale, purchase, times, writtenOrder, type GivenSale } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const patiently = { timeoutMs: 10_000, intervalMs: 50 };
const clientTrace = '0af7651916cd43dd8448eb211c80319c';
const clientSpan = 'b7ad6b7169203331';

describe('with a collector', () => {
  let collector: Collector;
  let system: System;
  let sale: GivenSale;
  beforeAll(async () => {
    collector = await startCollector();
    system = await startSystem({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
    sale = await openSale(system.api, { capacities: [100] });
  });
  afterAll(async () => {
    await system.stop();
    await collector.close();
  });

  const body = (): object => ({ items: [{ ticketTypeId: sale.types[0], quantity: 1 }] });
  const spansOf = (traceId: string): CollectedSpan[] => collector.spans.filter((span) => span.traceId === traceId);
  const named = (spans: readonly CollectedSpan[], name: string): CollectedSpan => {
    const found = spans.find((span) => span.name === name);
    if (found === undefined) throw new Error(`no ${name} among ${spans.map((span) => span.name).join(', ')}`);
    return found;
  };
  const post = 'POST /v1/sales/:saleId/orders';

  test("when a buyer's client traces, then its trace goes on from the POST through the job to commit and settle", async () => {
    const headers = { ...buyer('ann'), traceparent: `00-${clientTrace}-${clientSpan}-01`, 'x-request-id': 'req-7' };
    const { body: order } = expectStatus(202, await system.api.post(sale.orders, headers, body()));
    await until(() => {
      const spans = spansOf(clientTrace);
      const chain = [post, 'intake', 'job', 'write batch', 'postgres transaction'].map((name) => named(spans, name));
      expect(chain.map(({ parentSpanId }) => parentSpanId)).toEqual([
        clientSpan,
        ...chain.slice(0, -1).map(({ spanId }) => spanId),
      ]);
      expect(named(spans, 'redis reserve').parentSpanId).toBe(chain[0]?.spanId);
      expect(named(spans, 'redis settle').parentSpanId).toBe(chain[3]?.spanId);
      expect(chain[3]?.links).toMatchObject([{ traceId: clientTrace, spanId: chain[2]?.spanId }]);
      expect(chain[1]?.attributes).toContainEqual({ key: 'sluice.order_id', value: { stringValue: order.id } });
      expect(chain[0]?.attributes).toContainEqual({ key: 'sluice.request_id', value: { stringValue: 'req-7' } });
      return true;
    }, patiently);
  });

  test('when orders are written together, then the batch links to each, and each trace has its POST and its job', async () => {
    const orders = await Promise.all(
      times(20, (i) => purchase(system.api, sale, `crowd-${i}`).then((answer) => expectStatus(202, answer).body.id)),
    );
    await until(() => {
      const ofOrder = (name: string, id: string): CollectedSpan => {
        const found = collector.spans.find(
          (span) => span.name === name && span.attributes.some(({ value }) => value['stringValue'] === id),
        );
        if (found === undefined) throw new Error(`no ${name} of ${id}`);
        return found;
      };
      const jobs = orders.map((id) => ofOrder('job', id));
      expect(new Set(jobs.map(({ traceId }) => traceId)).size).toBe(20);
      const batches = collector.spans.filter(({ name }) => name === 'write batch');
      const linked = new Set(batches.flatMap(({ links = [] }) => links.map(({ spanId }) => spanId)));
      for (const { spanId, traceId } of jobs) {
        expect(linked.has(spanId)).toBe(true);
        expect(spansOf(traceId).map(({ name }) => name)).toContain(post);
      }
      expect(Math.max(...batches.map(({ links = [] }) => links.length))).toBeGreaterThan(1);
      return true;
    }, patiently);
  });

  test("when a client's trace is not sampled, or its header makes no sense, then nothing of it is kept, or a new one begins", async () => {
    const unsampled = 'f'.repeat(32);
    const send = (name: string, traceparent: string) =>
      system.api.post(sale.orders, { ...buyer(name), traceparent }, body());
    expectStatus(202, await send('quiet', `00-${unsampled}-${clientSpan}-00`));
    expectStatus(202, await send('odd', `00-${'0'.repeat(32)}-x-01`));
    expectStatus(202, await send('last', `00-${'e'.repeat(32)}-${clientSpan}-01`));
    await until(() => named(spansOf('e'.repeat(32)), 'job'), patiently);
    expect(spansOf(unsampled)).toEqual([]);
    const odd = collector.spans.filter(({ name, parentSpanId }) => name === post && !parentSpanId);
    expect(odd.length).toBeGreaterThan(0);
  });

  test('when a purchase is refused, then its span has no failure, and no secret', async () => {
    const traceId = 'd'.repeat(32);
    await system.api.post(sale.orders, { traceparent: `00-${traceId}-${clientSpan}-01` }, body());
    await until(() => named(spansOf(traceId), post), patiently);
    expect(named(spansOf(traceId), post).status.code ?? 0).toBe(0);
    expect(JSON.stringify(collector.spans)).not.toMatch(/eyJ|Bearer|crowd-\d/);
  });
});

describe('with a collector that is dead', () => {
  test('when purchases come, then they are written as ever, and the nodes end in time', async () => {
    const system = await startSystem({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` } });
    const sale = await openSale(system.api, { capacities: [100] });
    const orders = await Promise.all(times(20, (i) => writtenOrder(system.api, sale, `b${i}`)));
    expect(new Set(orders.map(({ status }) => status))).toEqual(new Set(['reserved']));
    const startedAt = performance.now();
    await system.stop();
    expect(performance.now() - startedAt).toBeLessThan(8000);
    expect(system.log).toEqual([]);
  });
});

describe('without a collector', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ workers: 0, reconcilers: 0 });
  });
  afterAll(() => system.stop());

  test('when an order is queued, then its job has not one byte for traces', async () => {
    const sale = await openSale(system.api);
    const headers = { ...buyer('ann'), traceparent: `00-${clientTrace}-${clientSpan}-01` };
    const { body: order } = expectStatus(
      202,
      await system.api.post(sale.orders, headers, { items: [{ ticketTypeId: sale.types[0], quantity: 1 }] }),
    );
    const [key = ''] = await until(async () => {
      const keys = await system.redis.keys('*:orders:[0-9]*');
      return keys.length > 0 && keys;
    });
    expect(JSON.parse((await system.redis.hget(key, 'data')) ?? '')).toEqual({ saleId: sale.id, orderIds: [order.id] });
  });

  test('when the built program is loaded, then nothing of OpenTelemetry is but the types that prom-client asks for', async () => {
    const code = `
      import { createRequire } from 'node:module';
      await import('./dist/bootstrap.js');
      const { Traces } = await import('./dist/observability/index.js');
      const cached = () => Object.keys(createRequire(import.meta.url).cache).filter((path) => /@opentelemetry.(?!api.)/.test(path)).length;
      const before = cached();
      const traces = await Traces.open({ traces: { url: 'http://127.0.0.1:9/v1/traces', ratio: 1 } }, new Set(['api']));
      console.log(JSON.stringify({ before, on: traces.on, loads: cached() > 0 }));
      process.exit(0);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await once(child, 'close');
    expect(JSON.parse(text)).toEqual({ before: 0, on: true, loads: true });
  });
});
