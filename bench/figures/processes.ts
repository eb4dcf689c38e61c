import { Environment } from '../../src/config/environment.js';
import type { Bench } from '../bench.js';
import { acceptAll, acceptAndSettle, ours, rateOf, saturating, type Usage } from '../load/accept.js';
import { summarize } from '../report/result.js';
import { openSale, type BenchSale } from '../system/sale.js';
import type { Figure } from './figure.js';
import { interleave } from './interleave.js';

/** How much a second API process gains. */
export const processes: Figure = {
  name: 'processes',
  about: {
    processes: {
      figure: 'purchases accepted a second with two API processes',
      yardstick: 'the same with one',
    },
  },
  async measure(bench) {
    const sale = await openSale(bench.sluice, 10_000_000);
    const { how, accept, stop } =
      'API_PROCESSES' in new Environment() ? await sharedPort(bench) : await twoPorts(bench);
    try {
      let usage = {};
      const pairs = await interleave(
        bench,
        'processes',
        async (seconds) => rateOf(await acceptAndSettle(bench, sale, { seconds })),
        async (seconds) => {
          const result = await accept(sale, seconds);
          usage = result.usage;
          await bench.books.whenSettled(sale);
          return result.perSecond;
        },
      );
      return { results: [summarize('processes', 'orders/s', pairs)], details: { how, ...usage } };
    } finally {
      await stop();
    }
  },
};

interface TwoProcesses {
  readonly how: string;
  accept(sale: BenchSale, seconds: number): Promise<{ readonly perSecond: number; readonly usage: Usage }>;
  stop(): Promise<void>;
}

async function sharedPort(bench: Bench): Promise<TwoProcesses> {
  const app = await bench.sluice.another('two-apis', { ROLES: 'api', API_PROCESSES: '2' });
  return {
    how: 'API_PROCESSES=2',
    async accept(sale, seconds) {
      const result = await acceptAndSettle(bench, sale, { url: app.url, seconds });
      return { perSecond: rateOf(result), usage: result.usage };
    },
    stop: () => app.stop(),
  };
}

/** Half of the connections to each of two applications. */
async function twoPorts(bench: Bench): Promise<TwoProcesses> {
  const second = await bench.sluice.another('second-api', { ROLES: 'api' });
  return {
    how: 'two applications on two ports: API_PROCESSES is not there yet',
    async accept(sale, seconds) {
      const load = { connections: saturating / 2, seconds };
      const [first, other] = await Promise.all([
        acceptAll(bench, ours(bench, sale), load),
        acceptAll(bench, ours(bench, sale, second.url), load),
      ]);
      return { perSecond: rateOf(first) + rateOf(other), usage: first.usage };
    },
    stop: () => second.stop(),
  };
}
