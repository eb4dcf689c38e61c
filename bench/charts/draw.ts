import { mkdir, writeFile } from 'node:fs/promises';
import type { ResultsFile } from '../report/results-file.js';
import { strategiesChart } from './strategies-chart.js';
import { timelineChart } from './timeline-chart.js';

const folder = new URL('../../docs/images/', import.meta.url);

/** Draws the charts of what was measured, into docs/images. */
export async function drawCharts({ races, timeline }: Pick<ResultsFile, 'races' | 'timeline'>): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (races.length > 0) await writeFile(new URL('strategies.svg', folder), strategiesChart(races));
  if (timeline.length > 1) await writeFile(new URL('accept.svg', folder), timelineChart(timeline));
}
