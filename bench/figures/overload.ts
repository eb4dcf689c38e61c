import { acceptAndSettle, rateOf, saturating } from '../load/accept.js';
import { summarize } from '../report/result.js';
import { openSale } from '../system/sale.js';
import type { Figure } from './figure.js';
import { interleave } from './interleave.js';

/** Whether more load than it can take slows the API down. */
export const overload: Figure = {
  name: 'overload',
  about: {
    overload: {
      figure: `purchases accepted a second with ${3 * saturating} connections`,
      yardstick: `the same with ${saturating}, which saturate it`,
      target: '≥ 0.8',
    },
  },
  async measure(bench) {
    const sale = await openSale(bench.sluice, 10_000_000);
    const pairs = await interleave(
      bench,
      'overload',
      async (seconds) => rateOf(await acceptAndSettle(bench, sale, { seconds })),
      async (seconds) => rateOf(await acceptAndSettle(bench, sale, { seconds, connections: 3 * saturating })),
    );
    return { results: [summarize('overload', 'orders/s', pairs)] };
  },
};
