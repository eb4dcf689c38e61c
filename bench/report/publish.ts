import { drawCharts } from '../charts/draw.js';
import type { Details, Measured } from '../figures/figure.js';
import { figures } from '../figures/index.js';
import type { BenchOptions } from '../options.js';
import { rounded } from './result.js';
import { updateOversellingPages } from './overselling-page.js';
import { machine, readResults, writeResults, type ResultsFile } from './results-file.js';

const order = figures.flatMap(({ about }) => Object.keys(about));

/**
 * Writes bench/results.json: new figures take the place of older ones of the same name, and others stay, where they come
 * from a run of the same kind on the same machine. A full run also draws the charts and writes the pages' tables anew.
 */
export async function publish(
  measured: readonly (Measured & { readonly name: string })[],
  { quick }: Pick<BenchOptions, 'quick'>,
): Promise<ResultsFile> {
  const before = await readResults(quick);
  const results = new Map(before?.results.map((result) => [result.name, result]));
  for (const result of measured.flatMap((figure) => figure.results)) results.set(result.name, result);
  const file: ResultsFile = {
    measuredAt: new Date().toISOString(),
    quick,
    machine: machine(),
    results: [...results.values()].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name)),
    races: measured.find(({ races }) => races)?.races ?? before?.races ?? [],
    timeline: measured.find(({ timeline }) => timeline)?.timeline ?? before?.timeline ?? [],
    details: {
      ...before?.details,
      ...Object.fromEntries(measured.flatMap(({ name, details }) => (details ? [[name, roundedAll(details)]] : []))),
    },
  };
  await writeResults(file);
  if (!quick) {
    await drawCharts(file);
    if (file.races.length > 0) await updateOversellingPages(file.races);
  }
  return file;
}

function roundedAll(details: Details): Details {
  return Object.fromEntries(
    Object.entries(details).map(([name, fact]) => [name, typeof fact === 'number' ? rounded(fact) : fact]),
  );
}
