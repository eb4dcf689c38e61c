/**
 * @needs nginx
 * @needs pgbouncer
 */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { Teardown } from '../../src/cli/teardown.js';
import type { Topology } from '../../src/cli/topology/topology.js';
import { admin, type ApiClient, buyer, type Headers } from '../support/api-client.js';
import { listen, type HeardEvent } from '../support/event-listener.js';
import { expectStatus, openSale, writtenOrder, type GivenSale } from '../support/given.js';
import { until } from '../support/until.js';
import { startTestTopology } from './test-topology.js';

jest.setTimeout(180_000);
const patiently = { timeoutMs: 30_000, intervalMs: 50 };
/** As long as nginx waits for a node that says nothing, where it is not an event stream. */
const usualTimeoutMs = 15_000;

const teardown = new Teardown();
let topology: Topology;
let api: ApiClient;
let sale: GivenSale;

beforeAll(async () => {
  ({ topology, api } = await startTestTopology(teardown, { limited: true }));
  sale = await openSale(api);
});

afterAll(() => teardown.run());

/** A client as a browser is one: where the stream ends, it comes back with the last id that it heard. */
class Follower<Data> {
  readonly events: HeardEvent<Data>[] = [];
  /** when each of them came, ms since 1970 */
  readonly heardAt: number[] = [];
  /** heads of the answers, one for each time it came */
  readonly statuses: number[] = [];
  text = (): string => '';
  private close = (): void => undefined;
  private stopping = false;
  private readonly running: Promise<void>;

  constructor(
    private readonly path: string,
    private readonly headers: Headers,
  ) {
    this.running = this.follow();
  }

  /** The stream is over where the answer is not one: 204 to who has heard all. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.close();
    await this.running;
  }

  private async follow(): Promise<void> {
    while (!this.stopping) {
      const id = this.events.at(-1)?.id;
      const stream = await listen<Data>(
        `${topology.url}${this.path}/events`,
        { ...this.headers, 'accept-encoding': 'gzip', ...(id === undefined ? {} : { 'last-event-id': id }) },
        (event) => {
          this.events.push(event);
          this.heardAt.push(Date.now());
        },
      );
      this.text = stream.text;
      this.close = stream.close;
      this.statuses.push(stream.status);
      await stream.ended;
      if (stream.status === 204) return;
    }
  }
}

test('when nothing happens, then heartbeats come through nginx and keep a stream open; what happens is told at once', async () => {
  const { path } = await writtenOrder(api, sale, 'ann');
  const openedAt = performance.now();
  const order = new Follower<{ status: string }>(path, buyer('ann'));
  const figures = new Follower<{ at: string }>(sale.admin, admin);
  await until(() => order.events.length === 1, patiently);
  await until(() => /^:/m.test(order.text()) && performance.now() - openedAt > usualTimeoutMs, patiently);
  expect(order.statuses).toEqual([200]);
  const askedAt = Date.now();
  expectStatus(200, await api.post(`${path}/confirm`, buyer('ann')));
  await until(() => order.events.length === 2, patiently);
  expect((order.heardAt[1] ?? Infinity) - askedAt).toBeLessThan(2000);
  await order.stop();

  await figures.stop();
  const late = figures.events.map(({ data }, i) => (figures.heardAt[i] ?? Infinity) - Date.parse(data.at));
  expect(late.length).toBeGreaterThan(8);
  expect(late.sort((a, b) => a - b)[Math.floor(late.length / 2)]).toBeLessThan(1000);
});

test('when both API nodes are replaced one after the other, then who comes back misses nothing and hears nothing twice', async () => {
  const { path } = await writtenOrder(api, sale, 'bob');
  const order = new Follower<{ status: string }>(path, buyer('bob'));
  const figures = new Follower<object>(sale.admin, admin);
  await until(() => order.events.length === 1 && figures.events.length > 0, patiently);
  for (const node of ['api-1', 'api-2']) await topology.replace(node);
  const { length } = figures.events;
  await until(() => figures.events.length > length, patiently);
  await figures.stop();

  expectStatus(200, await api.post(`${path}/confirm`, buyer('bob')));
  await until(() => order.statuses.at(-1) === 204, patiently);
  await order.stop();
  expect(order.events.map(({ id }) => id)).toEqual(['reserved', 'confirmed']);
  expect(order.statuses.length).toBeGreaterThan(2); // the first, one for each node that was replaced under it, the last
});
