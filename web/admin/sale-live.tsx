import type { JSX } from 'preact';
import { number } from '../shared/language.js';
import { Chart, type Line } from './chart.js';
import type { Latency, Sale, SaleStats, Stock } from './model.js';
import type { StatsWatch } from './stats-watch.js';
import { StockTable } from './stock-table.js';
import { words } from './words/index.js';

/** What the sale's own rules answer; every other refusal is trouble. */
const turnedAway = ['sold_out', 'limit_exceeded', 'sale_not_open', 'sale_paused', 'sale_closed'];

/** A sale as it is this second. */
export function SaleLive({ sale, watch }: { sale: Sale; watch: StatsWatch }): JSX.Element {
  const says = words.value;
  const { connection, latest } = watch;
  const stats = latest.value;
  return (
    <div class={`cockpit ${connection.value}`}>
      <Figures stats={stats} />
      <div class="charts">
        <Chart title={says.requestsASecond} lines={requestLines(says)} watch={watch} show={rate} />
        <Chart title={says.acceptedAndWritten} lines={flowLines(says)} watch={watch} show={rate} />
        <Chart title={says.outbox} lines={outboxLines(says)} watch={watch} show={rate} />
        <Chart
          title={says.purchaseLatency}
          lines={latencyLines((stats) => stats.latency.purchase)}
          watch={watch}
          show={ms}
        />
        <Chart
          title={says.commitLatency}
          lines={latencyLines((stats) => stats.latency.commit)}
          watch={watch}
          show={ms}
        />
        <Chart title={says.stockByState} lines={stockLines(says)} watch={watch} show={rate} />
        <Outcomes stats={stats} />
      </div>
      <StockTable sale={sale} stats={stats} />
    </div>
  );
}

/** The few that one looks at first. */
function Figures({ stats }: { stats: SaleStats | null }): JSX.Element {
  const says = words.value;
  const drift = stats?.stock.reduce((sum, type) => sum + Math.abs(type.drift), 0);
  const figures: [string, string, boolean?][] = [
    [says.accepted, count(stats?.totals.accepted)],
    [says.written, count(stats?.totals.written)],
    [says.outbox, count(stats?.queue.orders)],
    [says.oldest, stats === null ? '–' : `${number(Math.round(stats.queue.oldestMs / 100) / 10)} s`],
    [says.available, count(stats?.stock.reduce((sum, type) => sum + type.available, 0))],
    [says.drift, count(drift), drift !== undefined && drift > 0],
    [
      says.books,
      stats === null ? '–' : stats.consistent ? says.consistent : says.inconsistent,
      stats?.consistent === false,
    ],
  ];
  return (
    <dl class="figures">
      {figures.map(([name, value, isBad]) => (
        <div key={name} class={isBad === true ? 'bad' : ''}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Each outcome by itself, as a table. */
function Outcomes({ stats }: { stats: SaleStats | null }): JSX.Element {
  const says = words.value;
  return (
    <section class="chart card" aria-labelledby="outcomes">
      <h2 id="outcomes">{says.outcomes}</h2>
      <table class="legend outcomes">
        <tbody>
          {Object.entries(stats?.requests ?? {}).map(([outcome, value]) => (
            <tr key={outcome} class={value === 0 ? 'muted' : ''}>
              <th scope="row">{(says.outcomeNames as Readonly<Record<string, string>>)[outcome] ?? outcome}</th>
              <td>{rate(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

type Words = typeof words.value;

function requestLines(says: Words): Line[] {
  const sum = (stats: SaleStats, belongs: (outcome: string) => boolean): number | null =>
    rateOf(
      stats,
      Object.entries(stats.requests).reduce((total, [outcome, value]) => total + (belongs(outcome) ? value : 0), 0),
    );
  const own = ['accepted', 'replayed', ...turnedAway];
  return [
    { label: says.accepted, tone: 'main', of: (stats) => sum(stats, (outcome) => outcome === 'accepted') },
    {
      label: says.replayed,
      tone: 'second',
      isRare: true,
      of: (stats) => sum(stats, (outcome) => outcome === 'replayed'),
    },
    { label: says.turnedAway, tone: 'third', of: (stats) => sum(stats, (outcome) => turnedAway.includes(outcome)) },
    {
      label: says.failed,
      tone: 'trouble',
      isRare: true,
      of: (stats) => sum(stats, (outcome) => !own.includes(outcome)),
    },
  ];
}

function flowLines(says: Words): Line[] {
  return [
    { label: says.accepted, tone: 'main', of: (stats) => rateOf(stats, stats.requests['accepted'] ?? 0) },
    { label: says.written, tone: 'second', of: (stats) => rateOf(stats, stats.written) },
  ];
}

function outboxLines(says: Words): Line[] {
  return [{ label: says.ordersWaiting, tone: 'main', of: (stats) => stats.queue.orders }];
}

/** All ticket types together; each by itself is in the table. */
function stockLines(says: Words): Line[] {
  const sum = ({ stock }: SaleStats, of: (type: Stock) => number): number =>
    stock.reduce((total, type) => total + of(type), 0);
  return [
    { label: says.available, tone: 'third', of: (stats) => sum(stats, ({ available }) => available) },
    { label: says.queued, tone: 'queued', isRare: true, of: (stats) => sum(stats, ({ queued }) => queued) },
    { label: says.reserved, tone: 'second', of: (stats) => sum(stats, ({ reserved }) => reserved) },
    { label: says.confirmed, tone: 'main', of: (stats) => sum(stats, ({ confirmed }) => confirmed) },
    { label: says.drift, tone: 'trouble', isRare: true, of: (stats) => sum(stats, ({ drift }) => Math.abs(drift)) },
  ];
}

function latencyLines(of: (stats: SaleStats) => Latency): Line[] {
  return [
    { label: 'p50', tone: 'main', of: (stats) => of(stats).p50Ms },
    { label: 'p99', tone: 'second', of: (stats) => of(stats).p99Ms },
  ];
}

function rateOf({ periodMs }: SaleStats, value: number): number | null {
  return periodMs === 0 ? null : value;
}

function count(value: number | undefined): string {
  return value === undefined ? '–' : number(value);
}

function rate(value: number | null): string {
  return value === null ? '–' : number(Math.round(value));
}

function ms(value: number | null): string {
  return value === null ? '–' : `${number(value < 10 ? Math.round(value * 10) / 10 : Math.round(value))} ms`;
}
