import { number } from './data.ts';

const width = 720;
const left = 60;
const plotWidth = width - left - 20;
const plotHeight = 160;
const rowHeight = 26;
const nameWidth = 130;

export interface Series {
  readonly name: string;
  readonly colour: string;
  /** one for each slice of the run */
  readonly values: readonly number[];
}

/** A line for each series over the course of the run, from its start at the left to its end at the right. */
export function linesChart(alt: string, series: readonly Series[]): string {
  const most = ceiling(Math.max(...series.flatMap(({ values }) => values)));
  const y = (value: number): number => 30 + plotHeight * (1 - value / most);
  const levels = [0, most / 2, most].map(
    (level) =>
      `<line class="grid" x1="${left}" y1="${y(level)}" x2="${left + plotWidth}" y2="${y(level)}"/>` +
      text(left - 8, y(level) + 4, number(level), 'end'),
  );
  const times = [0, 25, 50, 75, 100].map((percent) =>
    text(left + (plotWidth * percent) / 100, plotHeight + 48, `${percent} %`, 'middle'),
  );
  const lines = series.map(({ name, colour, values }, i) => {
    const points = values.map((value, slice) => {
      const x = left + (plotWidth * (slice + 0.5)) / values.length;
      return `${x.toFixed(1)},${y(value).toFixed(1)}`;
    });
    return (
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.join(' ')}"/>` +
      `<rect x="${left + i * 120}" y="4" width="12" height="12" fill="${colour}"/>` +
      text(left + 18 + i * 120, 14, name)
    );
  });
  return svg(alt, plotHeight + 60, [...levels, ...times, ...lines]);
}

export interface Bar {
  readonly name: string;
  readonly colour: string;
  readonly value: number;
}

/** A bar for each value, all of one scale. */
export function barsChart(alt: string, bars: readonly Bar[]): string {
  const most = Math.max(1, ...bars.map(({ value }) => value));
  const rows = bars.map(({ name, colour, value }, i) => {
    const length = ((width - nameWidth - 90) * value) / most;
    const y = i * rowHeight;
    return (
      text(nameWidth - 10, y + 17, name, 'end') +
      `<rect x="${nameWidth}" y="${y + 4}" width="${length.toFixed(1)}" height="18" fill="${colour}"/>` +
      text(nameWidth + length + 8, y + 17, number(value))
    );
  });
  return svg(alt, bars.length * rowHeight, rows);
}

function svg(alt: string, height: number, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${alt}">${parts.join('')}</svg>`;
}

function text(x: number, y: number, content: string, anchor = 'start'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${content}</text>`;
}

/** A round number at or above the value. */
function ceiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}
