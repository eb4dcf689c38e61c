import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { buyer, type ApiClient } from '../support/api-client.js';
import { inventoryOf, openSale, purchase, times, writtenOrder, type GivenSale } from '../support/given.js';
import { startOwnServers, type OwnServers } from '../support/own-postgres.js';
import { startProcessFleet, type ProcessFleet } from '../support/process-fleet.js';
import { repeatedly } from '../support/repeatedly.js';
import { report, sized } from '../support/sizes.js';
import { broken, until } from '../support/until.js';

const stillSeconds = sized('LIVENESS_STANDSTILL_SECONDS', 15, 90);
const afterwardsMs = 10_000;
/** As long as a node keeps a copy of an order. */
const watchMs = 12_000;
const orders = 10;
jest.setTimeout(stillSeconds * 1000 + afterwardsMs + watchMs + 120_000);

let servers: OwnServers;
let fleet: ProcessFleet;
beforeAll(async () => {
  servers = await startOwnServers();
  fleet = await startProcessFleet({ roles: ['api', 'worker', 'reconciler'], servers });
  // by its name the processes of PostgreSQL are known that this node speaks with
  await fleet.sql.query(`CREATE ROLE ${confirmer} SUPERUSER LOGIN PASSWORD '${confirmer}'`);
  const url = new URL(servers.databaseUrl);
  url.username = url.password = confirmer;
  await fleet.start('api', { DATABASE_URL: url.href });
}, 60_000);
afterAll(async () => {
  servers.thaw();
  await fleet.stop();
});

/** The node that is asked to confirm, and the one that only tells; and what the former is called in PostgreSQL. */
const [teller, confirming] = [0, 1];
const confirmer = 'confirmer';
const ranks = ['queued', 'reserved', 'confirmed'];

interface Sight {
  readonly node: number;
  readonly askedAt: number;
  readonly answeredAt: number;
  readonly status: string;
}

/** What was seen of one order, by whatever node: an answer must not be older than one that was there when it was asked for. */
class Watched {
  private readonly sights: Sight[] = [];

  constructor(
    readonly path: string,
    private readonly buyerId: string,
  ) {}

  get(node: number): Promise<void> {
    return this.see(node, (api) => api.get(this.path, buyer(this.buyerId)));
  }

  confirm(node: number): Promise<void> {
    return this.see(node, (api) => api.post(`${this.path}/confirm`, buyer(this.buyerId)));
  }

  get id(): string {
    return this.path.slice(-36);
  }

  toldSince(ms: number): boolean {
    return this.sights.some(({ askedAt }) => askedAt > ms);
  }

  get confirmed(): boolean {
    return this.sights.at(-1)?.status === 'confirmed';
  }

  /** Answers that ran backwards, a line each. */
  backwards(): string[] {
    return this.sights.flatMap((late) => {
      const early = this.sights.find(
        (sight) => sight.answeredAt < late.askedAt && ranks.indexOf(sight.status) > ranks.indexOf(late.status),
      );
      if (early === undefined) return [];
      const ms = Math.round(late.answeredAt - early.answeredAt);
      return [`node ${early.node} said ${early.status}, and ${ms} ms later node ${late.node} ${late.status}`];
    });
  }

  private async see(node: number, ask: (api: ApiClient) => ReturnType<ApiClient['get']>): Promise<void> {
    const api = fleet.apis[node] ?? fleet.api;
    const askedAt = performance.now();
    const answer = await ask(api).catch(() => null);
    if (answer?.status !== 200) return;
    this.sights.push({ node, askedAt, answeredAt: performance.now(), status: answer.body.status });
  }
}

test(`when PostgreSQL stands still for ${stillSeconds} s, then no process dies, no status goes backwards, and all goes on by itself`, async () => {
  const sale = await openSale(fleet.api, { capacities: [100_000] });
  const watched = await Promise.all(
    times(orders, async (n) => new Watched((await writtenOrder(fleet.api, sale, `buyer-${n}`)).path, `buyer-${n}`)),
  );
  const poll = (node: number): (() => Promise<void>) =>
    repeatedly(5, () => Promise.all(watched.map((order) => order.get(node))));
  const polls = [poll(teller)];
  const endEarly = poll(confirming);
  await delay(500); // both nodes have their copies
  const accepted: string[] = [];
  const endBuying = repeatedly(10, async (n) => {
    const answer = await purchase(fleet.apis[n % 2] ?? fleet.api, sale, `late-${n}`).catch(() => null);
    if (answer?.status === 202) accepted.push(answer.body.id);
  });

  // some are with PostgreSQL, some on their way to it
  const { rows: backends } = await fleet.sql.query<{ pid: number }>(
    'SELECT pid FROM pg_stat_activity WHERE usename = $1',
    [confirmer],
  );
  const confirms = watched.slice(0, orders / 2).map((order) => order.confirm(confirming));
  await servers.freeze();
  confirms.push(...watched.slice(orders / 2).map((order) => order.confirm(confirming)));
  const ended = endEarly();
  await delay(stillSeconds * 1000);
  // the other node reads before the confirms are run: which of them is first is the machine's affair
  servers.thaw(backends.map(({ pid }) => pid));
  const thawedAt = performance.now();

  await until(() => watched.every((order) => order.toldSince(thawedAt)), { timeoutMs: afterwardsMs }).catch(
    () => undefined,
  );
  servers.thaw();
  polls.push(poll(confirming));
  const goesOn = await broken('buyers buy and confirm on both nodes', () => buyers(sale), {
    timeoutMs: afterwardsMs,
    intervalMs: 250,
  });
  const onMs = Math.round(performance.now() - thawedAt);
  await endBuying();
  const written = await broken('what was accepted is written', () => allWritten(sale, accepted), {
    timeoutMs: Math.max(1000, afterwardsMs - onMs),
    intervalMs: 250,
  });
  const writtenMs = Math.round(performance.now() - thawedAt);
  await delay(Math.max(0, watchMs - writtenMs)); // copies are told for so long
  await Promise.all([...confirms, ended, ...polls.map((end) => end())]);
  const backwards = watched.map((order) => order.backwards());
  const confirmed = watched.filter((order) => order.confirmed).length;
  report(
    `PostgreSQL stood still for ${stillSeconds} s: buyers went on after ${onMs} ms, all of ${accepted.length} orders were written after ` +
      `${writtenMs} ms; ${confirmed} of ${orders} confirms took effect, ${backwards.flat().length} answers ran backwards`,
  );
  const [inventory] = await inventoryOf(fleet.api, sale);
  expect([
    ...goesOn,
    ...written,
    ...backwards.flatMap((lines) => (lines.length === 0 ? [] : [`${lines.length} answers: ${lines.at(-1)}`])),
    ...(inventory?.drift === 0 ? [] : [`drift ${inventory?.drift}`]),
    ...fleet.deaths(),
  ]).toEqual([]);
});

/** Somebody buys and confirms by way of each node, every answer within a second. */
async function buyers(sale: GivenSale): Promise<void> {
  await Promise.all(
    fleet.apis.map(async (api, node) => {
      const buyerId = `after-${node}-${Math.random()}`;
      const bought = await inTime(purchase(api, sale, buyerId));
      expect(bought.status).toBe(202);
      const path = `${sale.orders}/${bought.body.id}`;
      const polled = await inTime(api.get(`${path}?wait=1`, buyer(buyerId)), 2000);
      expect(polled.body.status).toBe('reserved');
      expect((await inTime(api.post(`${path}/confirm`, buyer(buyerId)))).body.status).toBe('confirmed');
    }),
  );
}

async function inTime<T>(answer: Promise<T>, ms = 1000): Promise<T> {
  return Promise.race([
    answer,
    delay(ms, undefined, { ref: false }).then(() => Promise.reject(new Error(`no answer within ${ms} ms`))),
  ]);
}

async function allWritten(sale: GivenSale, ids: readonly string[]): Promise<void> {
  const { rows } = await fleet.sql.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM orders WHERE sale_id = $1 AND id = ANY($2)',
    [sale.id, ids],
  );
  expect(rows[0]?.n).toBe(ids.length);
}
