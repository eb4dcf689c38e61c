import type { Bench } from '../bench.js';
import { acceptAndSettle, bareShop, ours, rateOf, type Shop } from '../load/accept.js';
import { runGenerator } from '../load/run-generator.js';
import { summarize } from '../report/result.js';
import { openSale } from '../system/sale.js';
import { withCrowd } from '../system/tokens.js';
import type { Figure } from './figure.js';
import { interleave } from './interleave.js';

/** Enough that the generator never waits for one at a load that is served. */
const connections = 256;

/** How long buyers wait when the API is half busy. */
export const latency: Figure = {
  name: 'latency',
  about: {
    latency: {
      figure: '99th percentile of the time to a 202 at half of peak load, constant arrival rate',
      yardstick: 'the bare Fastify route with EVALSHA at the same rate',
      target: '≤ 2',
    },
  },
  async measure(bench) {
    const { scale, books } = bench;
    const sale = await openSale(bench.sluice, 10_000_000);
    bench.say('latency: finding the peak');
    const peak = rateOf(await acceptAndSettle(bench, sale, { seconds: scale.seconds }));
    const perSecond = Math.round(peak / 2);

    let cpu = 0;
    const p99 = async (shop: Shop, seconds: number): Promise<number> => {
      const { p99Ms, cpuShare } = await atRate(bench, shop, perSecond, seconds);
      cpu = Math.max(cpu, cpuShare);
      return p99Ms;
    };
    const pairs = await interleave(
      bench,
      `latency at ${perSecond}/s`,
      async (seconds) => p99(await bareShop(bench, sale), seconds),
      async (seconds) => {
        const value = await p99(ours(bench, sale), seconds);
        await books.whenSettled(sale);
        return value;
      },
    );
    return { results: [summarize('latency', 'ms', pairs)], details: { perSecond, loadGeneratorCores: cpu } };
  },
};

async function atRate(
  bench: Bench,
  shop: Shop,
  perSecond: number,
  seconds: number,
): Promise<{ readonly p99Ms: number; readonly cpuShare: number }> {
  const result = await withCrowd(bench, perSecond * seconds, (tokens) =>
    runGenerator(
      { ...shop, tokens, keys: 'rate-', connections, pace: { kind: 'rate', perSecond, seconds }, bucketMs: 1000 },
      { dir: bench.servers.dir, stop: bench.stop },
    ),
  );
  if (result.answers[202] !== result.requests) throw new Error(`not all accepted: ${JSON.stringify(result.answers)}`);
  return result;
}
