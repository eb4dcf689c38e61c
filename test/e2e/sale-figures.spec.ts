import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { admin, buyer, viewerKey, type Answer } from '../support/api-client.js';
import { listen, type EventListener } from '../support/event-listener.js';
import { draftSale, expectStatus, inventoryOf, openSale, purchase, times, type GivenSale } from '../support/given.js';
import { startSystem, type System } from '../support/system.js';
import { bearer } from '../support/tokens.js';
import { until } from '../support/until.js';

interface Latency {
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

interface Stats {
  readonly saleId: string;
  readonly at: string;
  readonly status: string;
  readonly periodMs: number;
  readonly requests: Readonly<Record<string, number>>;
  readonly written: number;
  readonly totals: { readonly accepted: number; readonly written: number };
  readonly queue: { readonly orders: number; readonly oldestMs: number };
  readonly latency: { readonly purchase: Latency; readonly commit: Latency };
  readonly stock: readonly { readonly ticketTypeId: string; readonly drift: number }[];
  readonly consistent: boolean;
}

let system: System;
let listeners: EventListener<Stats>[] = [];

beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 2, reconcilers: 0 });
});

afterEach(() => {
  for (const { close } of listeners) close();
  listeners = [];
});

afterAll(() => system.stop());

async function watch(sale: GivenSale, node = 0): Promise<EventListener<Stats>> {
  const listener = await listen<Stats>(`${system.apis[node]?.url ?? ''}${sale.admin}/events`, bearer(viewerKey));
  listeners.push(listener);
  return listener;
}

/** What happened while it was listened, by adding up every second. */
function sumOf({ events }: EventListener<Stats>, rate: (stats: Stats) => number): number {
  return events.reduce((sum, { data }) => sum + (rate(data) * data.periodMs) / 1000, 0);
}

const patiently = { timeoutMs: 15_000 };

describe('figures of a sale', () => {
  test('when buyers go to two nodes, and two workers write, then the figures of all add up to what they were told', async () => {
    const sale = await openSale(system.api, { capacities: [500], maxPerBuyer: 2 });
    const [here, there] = await Promise.all([watch(sale, 0), watch(sale, 1)]);
    await until(() => here.events.length > 0 && there.events.length > 0);
    const answers: Answer[] = [];
    for (let round = 0; round < 20; round++) {
      const buyers = times(40, (i) => `b${round}-${i % 30}`); // a quarter asks twice for two of at most two
      const asked = buyers.map((buyerId, i) => {
        const api = system.apis[i % 2] ?? system.api;
        return purchase(api, sale, buyerId, { quantities: [2], key: i === 39 ? 'again' : `k${round}-${i}` });
      });
      answers.push(...(await Promise.all(asked)));
      answers.push(await purchase(system.api, sale, 'b0-29', { quantities: [2], key: 'k0-29' }));
    }
    const told = (what: (answer: Answer) => boolean): number => answers.filter(what).length;
    const expected = {
      replayed: told(({ headers }) => headers['idempotency-replayed'] === 'true'),
      accepted: told(({ status, headers }) => status === 202 && headers['idempotency-replayed'] === undefined),
      limit_exceeded: told(({ body }) => body.code === 'limit_exceeded'),
      sold_out: told(({ body }) => body.code === 'sold_out'),
    };
    expect(expected.accepted).toBe(250);
    expect(Object.entries(expected).filter(([, count]) => count === 0)).toEqual([]);
    for (const listener of [here, there]) {
      await until(() => {
        const sums = Object.keys(expected).map((outcome) => [
          outcome,
          sumOf(listener, ({ requests }) => requests[outcome] ?? 0),
        ]);
        expect(Object.fromEntries(sums)).toEqual(expected); // within 1 % was asked for: they are the same
        expect(sumOf(listener, ({ written }) => written)).toBe(250);
        expect(listener.events.at(-1)?.data).toMatchObject({ totals: { accepted: 250, written: 250 } });
        return true;
      }, patiently);
      const busy = listener.events.map(({ data }) => data).filter(({ requests }) => (requests['accepted'] ?? 0) > 0);
      for (const { latency } of busy) {
        expect(latency.purchase.p99Ms).toBeGreaterThanOrEqual(latency.purchase.p50Ms ?? Infinity);
        expect(latency.purchase.p50Ms).toBeGreaterThan(0.1);
        expect(latency.purchase.p99Ms).toBeLessThan(10_000);
      }
      const commits = listener.events.flatMap(({ data }) => data.latency.commit.p50Ms ?? []);
      expect(commits.length).toBeGreaterThan(0);
      expect(Math.max(...commits)).toBeLessThan(10_000);
    }
    await until(() => here.events.at(-1)?.data.latency.purchase.p50Ms === null);
    const last = here.events.at(-1)?.data;
    const [inventory] = await inventoryOf(system.api, sale);
    expect(last).toMatchObject({
      saleId: sale.id,
      status: 'open',
      stock: [inventory],
      consistent: true,
      queue: { orders: 0, oldestMs: 0 },
    });
    expect(here.events.every(({ event, data }) => event === 'stats' && data.consistent)).toBe(true);
  });

  test('when many watch one sale, then the servers are asked once a second, and a late one hears at once what is known', async () => {
    const sale = await openSale(system.api);
    const first = await watch(sale);
    await until(() => first.events.length >= 2);
    await Promise.all(times(30, () => watch(sale)));
    await until(() => listeners.every(({ events }) => events.length >= 1), { timeoutMs: 300 });
    const before = await reads();
    const heard = first.events.length;
    await until(() => first.events.length >= heard + 2);
    expect((await reads()) - before).toBeLessThanOrEqual(3);
    const frames = new Set(listeners.map(({ events }) => JSON.stringify(events.at(-1)?.data)));
    expect(frames.size).toBeLessThanOrEqual(2); // all of them are sent the same
    for (const { close } of listeners) close();
    await until(async () => (await gauge('sale_streams')) === 0);
  });

  test('when a sale is paused, or loses stock, then its watchers see it', async () => {
    const sale = await openSale(system.api, { capacities: [50] });
    const listener = await watch(sale);
    expectStatus(200, await system.api.post(`${sale.admin}/pause`, admin));
    await purchase(system.api, sale, 'ann');
    await system.redis.hincrby(`sluice:{${sale.id}}:stock`, sale.types[0] ?? '', -3);
    await until(() => listener.events.some(({ data }) => data.requests['sale_paused'] === 1), patiently);
    await until(() => listener.events.at(-1)?.data.consistent === false, patiently);
    expect(listener.events.at(-1)?.data).toMatchObject({ status: 'paused', stock: [{ available: 47, drift: 3 }] });
  });

  test('when a node restarts, then its watchers go on elsewhere, and its counts are not lost', async () => {
    const sale = await openSale(system.api, { capacities: [100] });
    const leaving = await system.startApi();
    const here = await watch(sale);
    await watch(sale, system.apis.indexOf(leaving));
    await until(() => listeners.every(({ events }) => events.length > 0));
    await Promise.all(times(10, (i) => purchase(leaving, sale, `b${i}`)));
    await system.nodes.at(-1)?.close(); // before the second is over
    expect(await listeners[1]?.ended).toBe(true);
    await until(() => sumOf(here, ({ requests }) => requests['accepted'] ?? 0) === 10, patiently);
    expect(here.events.at(-1)?.data.totals.accepted).toBe(10);
  });

  test('when it is no sale, or no admin asks, then there is no stream; of a draft there is one', async () => {
    const sale = await draftSale(system.api);
    expect((await watch(sale)).status).toBe(200);
    expectStatus(401, await system.api.get(`${sale.admin}/events`));
    expectStatus(401, await system.api.get(`${sale.admin}/events`, buyer('ann')));
    expectStatus(404, await system.api.get(`${sale.admin.slice(0, -12)}000000000000/events`, admin));
    const response = await system.api.request('DELETE', sale.admin, { headers: admin });
    expect(response.status).toBe(204);
    expect(await listeners[0]?.ended).toBe(true); // the sale is gone
  });
});

/** How often the sales' figures were read from Redis. */
async function reads(): Promise<number> {
  const stats = await system.redis.info('commandstats');
  return Number(/^cmdstat_hgetall:calls=(\d+)/m.exec(stats)?.[1] ?? 0) / 3; // `inspect` has two of its own
}

function gauge(name: string): Promise<number> {
  return system.api.figure(name);
}
