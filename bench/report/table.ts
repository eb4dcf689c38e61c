import { figures } from '../figures/index.js';
import type { StrategyRace } from '../races/race.js';
import type { Result } from './result.js';

const about = Object.assign({}, ...figures.map((figure) => figure.about)) as (typeof figures)[number]['about'];

/** The figures, a line each, then what they mean. */
export function table(results: readonly Result[]): string {
  const rows = results.map(({ name, value, unit, yardstick, ratio, runs }) => [
    name,
    number(value),
    number(yardstick),
    unit,
    ratio.toFixed(2),
    about[name]?.target ?? '',
    String(runs.length),
  ]);
  const legend = results.map(
    ({ name }) => `  ${name}: ${about[name]?.figure ?? ''}\n    against ${about[name]?.yardstick ?? ''}`,
  );
  return `${lined([['figure', 'value', 'yardstick', 'unit', 'ratio', 'target', 'runs'], ...rows])}\n\n${legend.join('\n')}`;
}

/** The strategies, a line each. */
export function raceTable(races: readonly StrategyRace[]): string {
  const rows = races.map((race) => [
    race.strategy,
    number(race.tickets),
    number(race.buyers),
    number(race.ordersPerSecond),
    number(race.p50Ms),
    number(race.p99Ms),
    number(race.oversold),
  ]);
  return lined([['strategy', 'tickets', 'buyers', 'orders/s', 'p50 ms', 'p99 ms', 'oversold'], ...rows]);
}

export function number(value: number): string {
  return value.toLocaleString('en', {
    maximumFractionDigits: Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0,
  });
}

/** Columns beside each other; numbers to the right. */
function lined(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const isNumber = /^[\d.,]+$/;
  return rows
    .map((row, r) =>
      row
        .map((text, i) => {
          const width = widths[i] ?? 0;
          return isNumber.test(rows[Math.max(r, 1)]?.[i] ?? '') ? text.padStart(width) : text.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
