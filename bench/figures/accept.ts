import { acceptAll, acceptAndSettle, bareShop, ours, rateOf, saturating } from '../load/accept.js';
import { generatorName } from '../load/closed-loop.js';
import { runGenerator } from '../load/run-generator.js';
import { summarize } from '../report/result.js';
import { openSale } from '../system/sale.js';
import { withCrowd } from '../system/tokens.js';
import type { Figure } from './figure.js';
import { interleave } from './interleave.js';

const capacity = 10_000_000;
const bucketMs = 250;

/** How many purchases one API process accepts a second. */
export const accept: Figure = {
  name: 'accept',
  about: {
    accept: {
      figure: 'purchases accepted a second, POST to 202',
      yardstick: 'a bare Fastify route that parses the same body and runs one EVALSHA of the same writes',
      target: '≥ 0.65',
    },
  },
  async measure(bench) {
    const { scale } = bench;
    const sale = await openSale(bench.sluice, capacity);
    let usage = {};
    const pairs = await interleave(
      bench,
      'accept',
      async (seconds) => rateOf(await acceptAll(bench, await bareShop(bench, sale), { seconds })),
      async (seconds) => {
        const result = await acceptAndSettle(bench, sale, { seconds });
        usage = result.usage;
        return rateOf(result);
      },
    );

    bench.say('accept: over time');
    const timeline = await withCrowd(bench, scale.seconds * 20_000, (tokens) =>
      runGenerator(
        {
          ...ours(bench, sale),
          tokens,
          keys: 'timeline-',
          connections: saturating,
          pace: { kind: 'seconds', seconds: scale.seconds },
          bucketMs,
        },
        { dir: bench.servers.dir, stop: bench.stop },
      ),
    );
    await bench.books.whenSettled(sale);
    return {
      results: [summarize('accept', 'orders/s', pairs)],
      timeline: timeline.buckets,
      details: { connections: saturating, loadGenerator: generatorName, ...usage },
    };
  },
};
