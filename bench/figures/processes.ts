import { acceptAndSettle, rateOf } from '../load/accept.js';
import { summarize } from '../report/result.js';
import { openSale } from '../system/sale.js';
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
    const shared = await bench.sluice.another('two-apis', { ROLES: 'api', API_PROCESSES: '2' });
    try {
      let usage = {};
      const pairs = await interleave(
        bench,
        'processes',
        async (seconds) => rateOf(await acceptAndSettle(bench, sale, { seconds })),
        async (seconds) => {
          const result = await acceptAndSettle(bench, sale, { seconds, api: shared });
          usage = result.usage;
          return rateOf(result);
        },
      );
      return { results: [summarize('processes', 'orders/s', pairs)], details: usage };
    } finally {
      await shared.stop();
    }
  },
};
