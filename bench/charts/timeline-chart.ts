import type { Bucket } from '../load/generator-job.js';
import { number } from '../report/table.js';
import { colours, gridLine, line, niceCeiling, svg, text } from './svg.js';

const width = 760;
const left = 70;
const right = 20;
const panelHeight = 150;
const panelGap = 60;
const top = 30;
const gridLines = 4;

interface Series {
  readonly name: string;
  readonly colour: string;
  readonly of: (bucket: Bucket) => number;
}

/** Throughput and latency of accepted purchases over time. */
export function timelineChart(buckets: readonly Bucket[]): string {
  const bucketMs = (buckets[1]?.atMs ?? 1) - (buckets[0]?.atMs ?? 0);
  const throughput: Series = {
    name: 'accepted a second',
    colour: colours[0],
    of: ({ requests }) => (requests * 1000) / bucketMs,
  };
  const latencies: Series[] = [
    { name: 'median, ms', colour: colours[2], of: ({ p50Ms }) => p50Ms },
    { name: '99th percentile, ms', colour: colours[3], of: ({ p99Ms }) => p99Ms },
  ];
  const seconds = (buckets.length * bucketMs) / 1000;
  const first = top + panelGap - 20;
  const second = first + panelHeight + panelGap;
  const bottom = second + panelHeight;
  const parts = [
    text(0, 18, 'Purchases under full load', { class: 'title' }),
    ...panel(first, [throughput], buckets, seconds, bucketMs),
    ...panel(second, latencies, buckets, seconds, bucketMs),
    ...Array.from({ length: Math.floor(seconds) + 1 }, (_, s) =>
      text(left + (s / seconds) * (width - left - right), bottom + 18, `${s} s`, { anchor: 'middle', class: 'faint' }),
    ),
  ];
  return svg(width, bottom + 30, 'Purchases accepted a second, and how long each took, over time', parts);
}

function panel(
  y: number,
  series: readonly Series[],
  buckets: readonly Bucket[],
  seconds: number,
  bucketMs: number,
): string[] {
  const ceiling = niceCeiling(Math.max(...series.flatMap(({ of }) => buckets.map(of))));
  const yOf = (value: number): number => y + panelHeight * (1 - value / ceiling);
  const xOf = ({ atMs }: Bucket): number => left + ((atMs + bucketMs / 2) / 1000 / seconds) * (width - left - right);
  const parts: string[] = [];
  for (let i = 0; i <= gridLines; i++) {
    const value = (ceiling * i) / gridLines;
    parts.push(
      gridLine(left, yOf(value), width - right, yOf(value)),
      text(left - 8, yOf(value) + 4, number(value), { anchor: 'end', class: 'faint' }),
    );
  }
  series.forEach(({ name, colour, of }, i) => {
    const x = left + i * 140;
    parts.push(
      line(
        buckets.map((bucket) => [xOf(bucket), yOf(of(bucket))] as const),
        colour,
      ),
      line(
        [
          [x, y - 16],
          [x + 18, y - 16],
        ],
        colour,
      ),
      text(x + 24, y - 12, name),
    );
  });
  return parts;
}
