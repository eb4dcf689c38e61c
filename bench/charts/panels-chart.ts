import { number } from '../report/table.js';
import { colours, gridLine, line, niceCeiling, svg, text } from './svg.js';

const width = 760;
const columns = 2;
const panelWidth = width / columns;
const left = 62;
const right = 14;
const plotHeight = 90;
const rowHeight = 170;
const top = 40;
const gridLines = 2;
const legendWidth = 100;
const maxSeries = 3;

export interface DrawnPanel {
  readonly title: string;
  /** Grafana's name of it */
  readonly unit: string;
  readonly seconds: number;
  readonly series: readonly { readonly name: string; readonly points: readonly (readonly [number, number])[] }[];
}

/** The panels of a dashboard over the same seconds; of each the series that have the most to show. */
export function panelsChart(panels: readonly DrawnPanel[], title: string): string {
  const rows = Math.ceil(panels.length / columns);
  return svg(width, top + rows * rowHeight, `Panels of the dashboard during a surge: ${title}`, [
    text(0, 18, title, { class: 'title' }),
    ...panels.flatMap((panel, i) =>
      drawn(panel, (i % columns) * panelWidth, top + Math.floor(i / columns) * rowHeight),
    ),
  ]);
}

function drawn({ title, unit, seconds, series }: DrawnPanel, x: number, y: number): string[] {
  const biggest = series
    .map(({ name, points }) => ({ name, points: points.filter(([, value]) => Number.isFinite(value)) }))
    .filter(({ points }) => points.some(([, value]) => value > 0))
    .sort((a, b) => peak(b.points) - peak(a.points))
    .slice(0, maxSeries);
  const { factor, suffix } = scaleOf(unit, Math.max(0, ...biggest.map(({ points }) => peak(points))));
  const ceiling = niceCeiling(Math.max(0, ...biggest.map(({ points }) => peak(points) * factor)));
  const first = y + 36;
  const xOf = (at: number): number => x + left + (at / seconds) * (panelWidth - left - right);
  const yOf = (value: number): number => first + plotHeight * (1 - (value * factor) / ceiling);
  const parts = [text(x + left, y + 12, `${title}${suffix}`)];
  for (let i = 0; i <= gridLines; i++) {
    const value = (ceiling * i) / gridLines;
    const level = first + plotHeight * (1 - i / gridLines);
    parts.push(
      gridLine(x + left, level, x + panelWidth - right, level),
      text(x + left - 6, level + 4, number(value), { anchor: 'end', class: 'faint' }),
    );
  }
  for (const at of [0, Math.floor(seconds / 2), Math.floor(seconds)]) {
    parts.push(text(xOf(at), first + plotHeight + 16, `${at} s`, { anchor: 'middle', class: 'faint' }));
  }
  biggest.forEach(({ name, points }, i) => {
    const colour = colours[i] ?? colours[0];
    const legend = x + left + i * legendWidth;
    const legendY = y + 28;
    parts.push(
      line(
        [
          [legend, legendY - 4],
          [legend + 12, legendY - 4],
        ],
        colour,
      ),
      text(legend + 16, legendY, name, { class: 'faint' }),
    );
    parts.push(
      line(
        points.map(([at, value]) => [xOf(at), yOf(value)] as const),
        colour,
      ),
    );
  });
  return parts;
}

function peak(points: readonly (readonly [number, number])[]): number {
  return Math.max(0, ...points.map(([, value]) => value));
}

function scaleOf(unit: string, most: number): { readonly factor: number; readonly suffix: string } {
  if (unit === 's') return most < 1 ? { factor: 1000, suffix: ', ms' } : { factor: 1, suffix: ', s' };
  if (unit === 'percentunit') return { factor: 100, suffix: ', %' };
  return { factor: 1, suffix: unit === 'ops' ? ' a second' : '' };
}
