import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { admin, buyer, type Body } from '../support/api-client.js';
import { listen, type EventListener } from '../support/event-listener.js';
import { endHold, expectStatus, openSale, purchase, reconcile, times, writtenOrder } from '../support/given.js';
import { OrderWatch } from '../../src/live/order-watch.js';
import { startSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

let system: System;
let listeners: EventListener<Body>[] = [];

beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 0, reconcilers: 0 });
});

afterEach(() => {
  for (const { close } of listeners) close();
  listeners = [];
});

afterAll(() => system.stop());

async function hear(path: string, buyerId: string, lastEventId?: string, node = 0): Promise<EventListener<Body>> {
  const headers = { ...buyer(buyerId), ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) };
  const listener = await listen<Body>(`${system.apis[node]?.url ?? ''}${path}/events`, headers);
  listeners.push(listener);
  return listener;
}

const statusesOf = ({ events }: EventListener<Body>): string[] => events.map(({ data }) => data.status);

/** An order that stays queued until a worker starts. */
async function queuedOrder(buyerId: string): Promise<string> {
  const sale = await openSale(system.api);
  const { body } = expectStatus(202, await purchase(system.api, sale, buyerId));
  return `${sale.orders}/${body.id}`;
}

function openStreams(): Promise<number> {
  return system.api.figure('order_streams');
}

describe('events of an order', () => {
  test('when an order is written and confirmed, then every status comes once, as the GET has it, and the stream ends', async () => {
    const path = await queuedOrder('ann');
    const listener = await hear(path, 'ann');
    expect(listener.status).toBe(200);
    expect(listener.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    await until(() => statusesOf(listener).length === 1);
    const worker = await system.startNode('worker');
    await until(() => statusesOf(listener).length === 2);
    expectStatus(200, await system.api.post(`${path}/confirm`, buyer('ann')));
    expect(await listener.ended).toBe(true);
    expect(listener.events.map(({ event, id }) => [event, id])).toEqual([
      ['status', 'queued'],
      ['status', 'reserved'],
      ['status', 'confirmed'],
    ]);
    expect(listener.events.at(-1)?.data).toEqual((await system.api.get(path, buyer('ann'))).body);
    expect(listener.text()).toMatch(/^retry: \d+\n/);
    await worker.close();
  });

  test.each([
    ['cancelled', (path: string) => system.api.post(`${path}/cancel`, buyer('bob'))],
    [
      'expired',
      async (_: string, id: string) => {
        await endHold(system.sql, id);
        await reconcile(system.api);
      },
    ],
  ])('when a hold is %s through another node, then its listener hears so', async (status, change) => {
    const worker = await system.startNode('worker');
    const { path, id } = await writtenOrder(system.api, await openSale(system.api), 'bob');
    const listener = await hear(path, 'bob', undefined, 1);
    await until(() => statusesOf(listener).length === 1);
    await change(path, id);
    expect(await listener.ended).toBe(true);
    expect(statusesOf(listener)).toEqual(['reserved', status]);
    await worker.close();
  });

  test('when a listener says what he heard last, then he does not hear it again; a final status ends it for good', async () => {
    const path = await queuedOrder('cid');
    const again = await hear(path, 'cid', 'queued');
    const forged = await hear(path, 'cid', 'reserved');
    const other = await hear(path, 'cid', 'nonsense');
    await until(() => statusesOf(other).length === 1);
    expect(statusesOf(again)).toEqual([]);
    const worker = await system.startNode('worker');
    await until(() => statusesOf(again).length === 1 && statusesOf(other).length === 2);
    expect(statusesOf(again)).toEqual(['reserved']);
    expectStatus(200, await system.api.post(`${path}/confirm`, buyer('cid')));
    await Promise.all([again.ended, other.ended, forged.ended]);
    expect(statusesOf(forged)).toEqual(['confirmed']); // never back to queued

    const missed = await hear(path, 'cid', 'reserved');
    await missed.ended;
    expect(statusesOf(missed)).toEqual(['confirmed']);
    const had = await hear(path, 'cid', 'confirmed');
    expect(had.status).toBe(204);
    const id = path.split('/').at(-1) ?? '';
    const saleId = path.split('/')[3] ?? '';
    expectStatus(200, await system.api.post(`/v1/admin/sales/${saleId}/orders/${id}/cancel`, admin));
    const late = await hear(path, 'cid', 'confirmed');
    await late.ended;
    expect(statusesOf(late)).toEqual(['cancelled']);
    await worker.close();
  });

  test('when it is not the own order, or none, then it is 404; without a token 401', async () => {
    const path = await queuedOrder('dot');
    for (const [target, headers, status] of [
      [path, buyer('eve'), 404],
      [`${path.slice(0, -12)}000000000000`, buyer('dot'), 404],
      [`${path}x`, buyer('dot'), 404],
      [path, {}, 401],
    ] as const) {
      expectStatus(status, await system.api.get(`${target}/events`, headers));
    }
    expectStatus(400, await system.api.get(`${path}/events?wait=1`, buyer('dot')));
    const head = await system.api.request('HEAD', `${path}/events`, { headers: buyer('dot') });
    expect(head.headers['content-type']).toBe('text/event-stream');
    await until(async () => (await openStreams()) === 0);
  });

  test('when a buyer opens more streams than he may, then 429 says so until he closes one', async () => {
    const path = await queuedOrder('fox');
    await Promise.all(times(10, () => hear(path, 'fox')));
    const { headers, body } = expectStatus(429, await system.api.get(`${path}/events`, buyer('fox')));
    expect(body.code).toBe('rate_limited');
    expect(headers).toMatchObject({
      'x-ratelimit-type': 'local-buyer',
      'ratelimit-policy': '"streams";q=10;qu="concurrent-requests"',
      ratelimit: '"streams";r=0;t=5',
      'retry-after': '5',
    });
    listeners[0]?.close();
    await until(async () => (await hear(path, 'fox')).status === 200);
  });

  test('when the message of a change was lost, then the listener hears of it once the subscription stands again', async () => {
    const path = await queuedOrder('gil');
    const worker = await system.startNode('worker');
    const listener = await hear(path, 'gil');
    await until(() => statusesOf(listener).includes('reserved'));
    await system.sql.query("UPDATE orders SET status = 'confirmed' WHERE buyer_id = 'gil'");
    await system.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    expect(await listener.ended).toBe(true);
    expect(statusesOf(listener).slice(-2)).toEqual(['reserved', 'confirmed']);
    await worker.close();
  });

  test('when a message is lost and nobody knows, then the change is heard at the next look at all', async () => {
    const watch = system.nodes[0]?.get(OrderWatch, { strict: false });
    if (watch === undefined) throw new Error('there is no node');
    const usualMs = watch.lookAgainMs;
    const worker = await system.startNode('worker');
    const sale = await openSale(system.api);
    const { path } = await writtenOrder(system.api, sale, 'ivy');
    await worker.close();
    watch.lookAgainMs = 200;
    const listener = await hear(path, 'ivy');
    watch.lookAgainMs = usualMs;
    await until(() => statusesOf(listener).length === 1);
    await system.sql.query("UPDATE orders SET status = 'confirmed' WHERE buyer_id = 'ivy'");
    await until(() => statusesOf(listener).length === 2);
    expect(await listener.ended).toBe(true);
    expect(statusesOf(listener)).toEqual(['reserved', 'confirmed']);
  });

  test('when Redis restarts, then listeners stay, and hear what comes after it', async () => {
    const path = await queuedOrder('hal');
    const listener = await hear(path, 'hal');
    await until(() => statusesOf(listener).length === 1);
    await system.servers.redis.restart();
    const worker = await system.startNode('worker');
    await until(() => statusesOf(listener).length === 2, { timeoutMs: 15_000 });
    await until(async () => (await system.api.post(`${path}/confirm`, buyer('hal'))).status === 200);
    expect(await listener.ended).toBe(true);
    expect(statusesOf(listener)).toEqual(['queued', 'reserved', 'confirmed']);
    await worker.close();
  });

  test('when a node stops, then its streams end at once, and elsewhere nobody misses a final status', async () => {
    const sale = await openSale(system.api, { capacities: [100] });
    const paths = await Promise.all(
      times(20, async (i) => {
        const { body } = expectStatus(202, await purchase(system.api, sale, `node-${i}`));
        return `${sale.orders}/${body.id}`;
      }),
    );
    const leaving = await system.startApi();
    const node = system.apis.indexOf(leaving);
    const before = await Promise.all(paths.map((path, i) => hear(path, `node-${i}`, undefined, node)));
    await until(() => before.every((listener) => statusesOf(listener).length === 1));

    const startedAt = performance.now();
    const stopped = system.nodes.at(-1)?.close();
    await Promise.all(before.map(({ ended }) => ended));
    expect(performance.now() - startedAt).toBeLessThan(1000);
    // all of it happens while nobody listens
    const worker = await system.startNode('worker');
    const confirmed = paths.map((path, i) =>
      until(async () => (await system.api.post(`${path}/confirm`, buyer(`node-${i}`))).status === 200),
    );
    await Promise.all(confirmed.slice(0, 10));
    const after = await Promise.all(
      paths.map((path, i) => hear(path, `node-${i}`, before[i]?.events.at(-1)?.id, i % 2)),
    );
    await Promise.all(confirmed);
    expect(await Promise.all(after.map(({ ended }) => ended))).toEqual(times(20, () => true));
    expect(after.map((listener) => statusesOf(listener).at(-1))).toEqual(times(20, () => 'confirmed'));
    expect(after.flatMap(statusesOf)).not.toContain('queued'); // they had heard that
    await stopped;
    await worker.close();
  });
});
