import { useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useId, useMemo, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { SaleStats } from './model.js';
import { type StatsWatch, windowSeconds } from './stats-watch.js';

export interface Line {
  readonly label: string;
  /** which of the lines' colours */
  readonly tone: 'main' | 'second' | 'third' | 'queued' | 'trouble';
  /** it is 0 most of the time: no line is drawn then, which would look like something */
  readonly isRare?: boolean;
  /** null: there is no such figure at that moment */
  readonly of: (stats: SaleStats) => number | null;
}

const heightPx = 150;
const leastSeconds = 30;

/** Lines over the last seconds, and what they are at now as a table: who cannot see the lines reads that. */
export function Chart({
  title,
  lines,
  watch,
  show,
}: {
  title: string;
  lines: readonly Line[];
  watch: StatsWatch;
  show: (value: number | null) => string;
}): JSX.Element {
  const id = useId();
  const place = useRef<HTMLDivElement>(null);
  const swatches = useRef<(HTMLElement | null)[]>([]);
  const plot = useMemo(() => ({ current: null as uPlot | null }), []);
  const current = useRef({ lines, show });
  current.current = { lines, show };

  useEffect(() => {
    const { current: box } = place;
    if (box === null) return;
    const colour = (element: Element | null | undefined): string =>
      element ? getComputedStyle(element).color : '#888';
    const quiet = { stroke: () => colour(box), grid: { stroke: () => line(box), width: 1 }, ticks: { show: false } };
    const font = '11px system-ui, sans-serif';
    const made = new uPlot(
      {
        width: box.clientWidth,
        height: heightPx,
        legend: { show: false },
        cursor: { show: false },
        padding: [8, 8, 0, 0],
        scales: {
          x: { time: false, range: (_, min) => [Math.max(-windowSeconds, Math.min(min, -leastSeconds)), 0] },
          y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] },
        },
        axes: [
          { ...quiet, font, size: 22, space: 60, values: (_, at) => at.map((s) => (s === 0 ? '0' : `−${-s} s`)) },
          { ...quiet, font, size: 44, space: 32, values: (_, at) => at.map((value) => short.format(value)) },
        ],
        series: [
          {},
          ...lines.map((_, i) => ({
            stroke: () => colour(swatches.current[i]),
            width: 1.75,
            points: { show: false },
          })),
        ],
      },
      columns(watch, current.current.lines),
      box,
    );
    plot.current = made;
    const resized = new ResizeObserver(() => {
      made.setSize({ width: box.clientWidth, height: heightPx });
    });
    resized.observe(box);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const repaint = (): void => {
      made.redraw();
    };
    dark.addEventListener('change', repaint);
    return () => {
      dark.removeEventListener('change', repaint);
      resized.disconnect();
      made.destroy();
    };
  }, []);

  useSignalEffect(() => {
    const data = columns(watch, current.current.lines);
    plot.current?.setData(data);
  });

  const stats = watch.latest.value;
  return (
    <section class="chart card" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <div class="plot" ref={place} aria-hidden="true" />
      <table class="legend">
        <tbody>
          {lines.map(({ label, tone, of }, i) => (
            <tr key={label}>
              <th scope="row">
                <span
                  class={`swatch ${tone}`}
                  aria-hidden="true"
                  ref={(element) => {
                    swatches.current[i] = element;
                  }}
                />
                {label}
              </th>
              <td>{show(stats === null ? null : of(stats))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** The colour of the grid: an element's border has it. */
function line(element: Element): string {
  return getComputedStyle(element).borderTopColor;
}

/** Seconds before the latest, and each line's values; a null between tells uPlot to leave a gap. */
function columns({ history }: StatsWatch, lines: readonly Line[]): uPlot.AlignedData {
  const seconds = history.value;
  const lastMs = Math.max(0, ...seconds.map((stats) => (stats === null ? 0 : Date.parse(stats.at))));
  let at = -windowSeconds;
  const x = seconds.map((stats) => (at = stats === null ? at + 0.001 : (Date.parse(stats.at) - lastMs) / 1000));
  return [x, ...lines.map((line) => valuesOf(line, seconds))];
}

function valuesOf({ isRare, of }: Line, seconds: readonly (SaleStats | null)[]): (number | null)[] {
  const values = seconds.map((stats) => (stats === null ? null : of(stats)));
  if (isRare !== true) return values;
  return values.map((value, i) => (value === 0 && !values[i - 1] && !values[i + 1] ? null : value));
}
