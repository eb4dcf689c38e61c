import type { StrategyRace } from '../races/race.js';
import { number } from '../report/table.js';
import { bar, colours, svg, text } from './svg.js';

const width = 760;
const nameWidth = 150;
const valueWidth = 70;
const rowHeight = 26;
const panelGap = 34;
const top = 30;
const barWidth = width - nameWidth - valueWidth;

interface Panel {
  readonly title: string;
  readonly of: (race: StrategyRace) => number;
  readonly unit: string;
}

const panels: readonly Panel[] = [
  { title: 'Tickets sold that do not exist (should be 0)', of: ({ oversold }) => oversold, unit: '' },
  { title: 'Orders a second (more is better)', of: ({ ordersPerSecond }) => ordersPerSecond, unit: '' },
  { title: 'What all but 1 in 100 buyers waited at most (less is better)', of: ({ p99Ms }) => p99Ms, unit: ' ms' },
];

/** The strategies beside each other, in the largest of the races. Bars of one panel have one scale. */
export function strategiesChart(races: readonly StrategyRace[]): string {
  const most = Math.max(...races.map(({ tickets }) => tickets));
  const shown = races.filter(({ tickets }) => tickets === most);
  const buyers = shown[0]?.buyers ?? 0;
  const title = `${number(most)} tickets, ${number(buyers)} buyers at once`;
  const parts = [text(0, 18, title, { class: 'title' })];
  let y = top;
  for (const panel of panels) {
    y += panelGap;
    parts.push(text(0, y - 10, panel.title, { class: 'faint' }));
    const largest = Math.max(...shown.map(panel.of), Number.MIN_VALUE);
    shown.forEach((race, i) => {
      const value = panel.of(race);
      const length = (value / largest) * barWidth;
      const middle = y + rowHeight / 2 + 4;
      parts.push(
        text(nameWidth - 10, middle, race.strategy, { anchor: 'end' }),
        bar(nameWidth, y + 4, Math.max(length, 1), rowHeight - 8, colours[i % colours.length] ?? ''),
        text(nameWidth + length + 6, middle, `${number(value)}${panel.unit}`),
      );
      y += rowHeight;
    });
  }
  return svg(width, y + 10, `${title}: overselling, orders a second and waiting time of each strategy`, parts);
}
