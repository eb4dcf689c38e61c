import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type * as waves from '../../src/cli/demo/wave.js';
import { stopSignal } from '../../src/cli/stop-signal.js';
import { Teardown } from '../../src/cli/teardown.js';
import { filledIn, readDashboard } from '../../test/support/dashboard.js';
import { startPrometheus, type Prometheus } from '../../test/support/prometheus.js';
import { panelsChart, type DrawnPanel } from '../charts/panels-chart.js';
import { openSale } from '../system/sale.js';
import { startBenchServers } from '../system/servers.js';
import { Sluice } from '../system/sluice.js';

const file = new URL('../../docs/images/surge.svg', import.meta.url);
const scrapeMs = 500;
/** What Grafana would fill in: four scrapes. */
const rateRange = '2s';
const calmMs = 4000;
const tickets = 10_000;
const buyers = 50_000;
/** Of the dashboard's panels, those in which a surge shows. */
const shown = [
  'Purchases by outcome',
  'Accepted and written',
  'Purchase, from request to 202',
  'Outbox',
  'Oldest order in the outbox',
  'Redis scripts, p99',
  'Event loop delay, p99',
  'Processor',
];

/** `npm run ops:picture`: a surge, watched by a real Prometheus, drawn as the Grafana dashboard would draw it. */
const stop = stopSignal();
const teardown = new Teardown();
try {
  const servers = await startBenchServers(teardown);
  const sluice = await Sluice.start(servers, teardown);
  const sale = await openSale(sluice, tickets);
  const prometheus = await startPrometheus({ targets: targetsOf(sluice), scrapeMs });
  teardown.add(() => prometheus.stop());
  await delay(calmMs, undefined, { signal: stop });
  const from = Date.now() / 1000;
  await delay(calmMs / 2, undefined, { signal: stop });
  const url = new URL('../../dist/cli/demo/wave.js', import.meta.url); // its load generator is part of the build
  const { sendWave } = (await import(url.href)) as typeof waves;
  const result = await sendWave(
    {
      api: sluice.api.url,
      saleId: sale.id,
      buyerSecret: sluice.keys.buyerSecret,
      crowd: 'buyer',
      demand: [{ ticketTypeId: sale.ticketTypeId, buyers }],
      concurrency: 200,
      confirmations: 0,
      patienceMs: 0,
    },
    stop,
    () => undefined,
  );
  await delay(calmMs, undefined, { signal: stop });
  const panels = await read(prometheus, from, Date.now() / 1000);
  await writeFile(
    file,
    panelsChart(panels, `${buyers.toLocaleString('en')} buyers for ${tickets.toLocaleString('en')} tickets`),
  );
  console.log(
    `docs/images/surge.svg: ${result.accepted} accepted, ${result.requests} requests in ${result.seconds.toFixed(1)} s`,
  );
} finally {
  await teardown.run();
}
process.exit(0);

function targetsOf({ api, worker, reconciler }: Sluice): Record<string, string[]> {
  const at = (url: string): string[] => [new URL(url).host];
  return { 'sluice-api': at(api.url), 'sluice-worker': at(worker.url), 'sluice-reconciler': at(reconciler.url) };
}

async function read(prometheus: Prometheus, from: number, to: number): Promise<DrawnPanel[]> {
  const { panels } = await readDashboard();
  const wanted = shown.flatMap((title) => panels.find((panel) => panel.title === title) ?? []);
  return Promise.all(
    wanted.map(async ({ title, fieldConfig, targets }) => {
      const series = await Promise.all(
        targets.map(async ({ expr, legendFormat }) => {
          const found = await prometheus.range(filledIn(expr, rateRange), from, to, scrapeMs / 1000);
          return found.map(({ labels, points }) => ({
            name: legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label: string) => nameOf(label, labels[label])),
            points: points.map(([at, value]) => [at - from, value] as const),
          }));
        }),
      );
      return { title, unit: fieldConfig.defaults.unit, seconds: to - from, series: series.flat() };
    }),
  );
}

/** Addresses are of this run alone. */
function nameOf(label: string, value = ''): string {
  return label === 'instance' ? '' : value.replace(/^sluice-/, '');
}
