import type { Bench } from '../bench.js';
import { ours } from '../load/accept.js';
import { purchase } from '../load/purchase.js';
import { summarize, type Pair } from '../report/result.js';
import { openSale, type BenchSale } from '../system/sale.js';
import type { Memory } from '../system/probe.js';
import type { Figure } from './figure.js';

const mib = 2 ** 20;

/** Whether anything is kept of requests that are over. */
export const heap: Figure = {
  name: 'heap',
  about: {
    heapApi: {
      figure: "MiB of the API's heap, garbage collected, after 100,000 accepted purchases",
      yardstick: 'before them, warmed up',
      target: '< 20 MB more',
    },
    heapWorker: {
      figure: "MiB of the worker's heap, garbage collected, after it wrote them",
      yardstick: 'before that, warmed up',
      target: '< 20 MB more',
    },
  },
  async measure(bench) {
    const { scale } = bench;
    const sale = await openSale(bench.sluice, 10_000_000);
    await buy(bench, sale, Math.ceil(scale.heapRequests / 2));
    const api: Pair[] = [];
    const worker: Pair[] = [];
    let before = await look(bench);
    for (let run = 1; run <= scale.runs; run++) {
      bench.say(`heap: run ${run} of ${scale.runs}`);
      await buy(bench, sale, scale.heapRequests);
      const after = await look(bench);
      api.push({ value: after.api.heapUsed / mib, yardstick: before.api.heapUsed / mib });
      worker.push({ value: after.worker.heapUsed / mib, yardstick: before.worker.heapUsed / mib });
      before = after;
    }
    return {
      results: [summarize('heapApi', 'MiB', api), summarize('heapWorker', 'MiB', worker)],
      details: {
        requests: scale.heapRequests,
        apiRssMiB: Math.round(before.api.rss / mib),
        workerRssMiB: Math.round(before.worker.rss / mib),
      },
    };
  },
};

async function buy(bench: Bench, sale: BenchSale, requests: number): Promise<void> {
  await purchase(bench, ours(bench, sale), requests);
  await bench.books.whenSettled(sale);
}

async function look({ sluice }: Bench): Promise<{ api: Memory; worker: Memory }> {
  const [api, worker] = await Promise.all([sluice.probe(sluice.api).memory(), sluice.probe(sluice.worker).memory()]);
  return { api, worker };
}
