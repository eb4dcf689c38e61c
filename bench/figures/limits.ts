import { acceptAndSettle, rateOf } from '../load/accept.js';
import { summarize } from '../report/result.js';
import { openSale } from '../system/sale.js';
import type { Figure } from './figure.js';
import { interleave } from './interleave.js';

const off = { RATE_LIMIT_IP: 'off', RATE_LIMIT_BUYER: 'off', RATE_LIMIT_GLOBAL: 'off' };

/** What the limits cost those whom they let in. */
export const limits: Figure = {
  name: 'limits',
  about: {
    limits: {
      figure: 'purchases accepted a second with all limits counted, and none reached',
      yardstick: 'the same with all limits off',
      target: '≥ 0.9',
    },
  },
  async measure(bench) {
    const sale = await openSale(bench.sluice, 10_000_000);
    const unlimited = await bench.sluice.another('unlimited', { ROLES: 'api', ...off });
    try {
      const pairs = await interleave(
        bench,
        'limits',
        async (seconds) => rateOf(await acceptAndSettle(bench, sale, { seconds, api: unlimited })),
        async (seconds) => rateOf(await acceptAndSettle(bench, sale, { seconds })),
      );
      return { results: [summarize('limits', 'orders/s', pairs)] };
    } finally {
      await unlimited.stop();
    }
  },
};
