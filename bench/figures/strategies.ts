import type { Bench } from '../bench.js';
import { ours } from '../load/accept.js';
import { requestTickets } from '../load/purchase.js';
import { sqlStrategies, type SqlStrategy, type Strategy, type StrategyRace } from '../races/race.js';
import { median, summarize, type Pair } from '../report/result.js';
import { openSale } from '../system/sale.js';
import { startBareServer, type BareServer } from '../yardsticks/bare-server.js';
import type { Figure } from './figure.js';

type Outcome = Omit<StrategyRace, 'strategy' | 'tickets' | 'buyers'>;
type Race = Bench['scale']['races'][number];

/** The overselling lesson: the same rush against four ways to sell (docs/overselling.md). */
export const strategies: Figure = {
  name: 'strategies',
  about: {
    strategies: {
      figure: 'orders a second of redis+queue when buyers race for 1,000 tickets',
      yardstick: 'the fastest of the strategies that do not oversell: see the second table',
    },
  },
  async measure(bench) {
    const { scale, teardown, servers } = bench;
    const shop = await startBareServer(new URL('../races/sql-shop.ts', import.meta.url), servers, teardown);
    const run: Record<Strategy, (race: Race) => Promise<Outcome>> = {
      'read-check-write': (race) => raceSql(bench, shop, 'read-check-write', race),
      'select-for-update': (race) => raceSql(bench, shop, 'select-for-update', race),
      'conditional-update': (race) => raceSql(bench, shop, 'conditional-update', race),
      'redis+queue': (race) => raceOurs(bench, race),
    };
    const all: Strategy[] = [...sqlStrategies, 'redis+queue'];
    const [warmUp] = scale.races;
    if (warmUp !== undefined) for (const strategy of all) await run[strategy](warmUp);

    const races: StrategyRace[] = [];
    let pairs: Pair[] = [];
    for (const race of scale.races) {
      const outcomes = new Map<Strategy, Outcome[]>(all.map((strategy) => [strategy, []]));
      for (let i = 1; i <= scale.runs; i++) {
        bench.say(`strategies: ${race.tickets} tickets, ${race.buyers} buyers, run ${i} of ${scale.runs}`);
        for (const strategy of all) outcomes.get(strategy)?.push(await run[strategy](race));
      }
      for (const [strategy, runs] of outcomes) races.push({ strategy, ...race, ...medianOf(runs) });
      const perSecond = (strategy: Strategy, i: number): number => outcomes.get(strategy)?.[i]?.ordersPerSecond ?? NaN;
      pairs = Array.from({ length: scale.runs }, (_, i) => ({
        value: perSecond('redis+queue', i),
        yardstick: Math.max(perSecond('select-for-update', i), perSecond('conditional-update', i)),
      }));
    }
    return { results: [summarize('strategies', 'orders/s', pairs)], races };
  },
};

function medianOf(runs: readonly Outcome[]): Outcome {
  const of = (figure: keyof Outcome): number => Number(median(runs.map((run) => run[figure])).toPrecision(4));
  return {
    ordersPerSecond: of('ordersPerSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    oversold: Math.max(...runs.map(({ oversold }) => oversold)),
  };
}

async function raceSql(bench: Bench, { url }: BareServer, strategy: SqlStrategy, race: Race): Promise<Outcome> {
  const headers = { 'content-type': 'application/json' };
  const show = await fetch(`${url}/show`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ capacity: race.tickets }),
  });
  if (!show.ok) throw new Error(`no new show: ${show.status}`);
  const load = await requestTickets(bench, { url, path: `/${strategy}`, body: '{}' }, race.buyers);
  const answer = await fetch(`${url}/sold`);
  const { sold, lastSoldAtMs } = (await answer.json()) as { sold: number; lastSoldAtMs: number };
  return outcome(load, sold, lastSoldAtMs, race.tickets);
}

async function raceOurs(bench: Bench, { tickets, buyers }: Race): Promise<Outcome> {
  const { sluice, books } = bench;
  const sale = await openSale(sluice, tickets);
  const [load, committedAt] = await Promise.all([
    requestTickets(bench, ours(bench, sale), buyers),
    books.whenTaken(sale, tickets),
  ]);
  await books.whenSettled(sale);
  return outcome(load, await books.sold(sale), committedAt, tickets);
}

function outcome(
  { startedAt, p50Ms, p99Ms }: { readonly startedAt: number; readonly p50Ms: number; readonly p99Ms: number },
  sold: number,
  committedAt: number,
  tickets: number,
): Outcome {
  const seconds = (committedAt - startedAt) / 1000;
  return { ordersPerSecond: sold / seconds, p50Ms, p99Ms, oversold: Math.max(0, sold - tickets) };
}
