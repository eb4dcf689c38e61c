import { runClosedLoop, type LoadResult } from '../load/closed-loop.js';
import { rateOf, saturating } from '../load/accept.js';
import { summarize } from '../report/result.js';
import { openSale } from '../system/sale.js';
import { withCrowd } from '../system/tokens.js';
import type { Figure } from './figure.js';
import { interleave } from './interleave.js';

const buyers = 5000;

/** How fast a sold-out sale says so. */
export const reject: Figure = {
  name: 'reject',
  about: {
    reject: {
      figure: `sold-out answers a second, without an idempotency key, ${buyers.toLocaleString('en')} tokens in turn`,
      yardstick: 'a bare Fastify route that answers a constant',
      target: '≥ 0.75',
    },
  },
  async measure(bench) {
    const { sluice, bare, stop, servers } = bench;
    const sale = await openSale(sluice, 1);
    return withCrowd(bench, buyers, async (tokens) => {
      let cpu = 0;
      const refused = async (url: string, path: string, seconds: number): Promise<LoadResult> => {
        const { body } = sale;
        const load = { url, path, body, method: 'POST', tokens, keys: '', connections: saturating, seconds } as const;
        const result = await runClosedLoop(load, { dir: servers.dir, stop });
        cpu = Math.max(cpu, result.cpuShare);
        // one buyer had the ticket
        if (result.requests - result.refused > 1) throw new Error(`${url}${path} sold what there was not`);
        return result;
      };
      const yardstick = (seconds: number) => refused(bare.url, '/constant', seconds);
      const ours = (seconds: number) => refused(sluice.api.url, sale.path, seconds);
      const pairs = await interleave(
        bench,
        'reject',
        async (seconds) => rateOf(await yardstick(seconds)),
        async (seconds) => rateOf(await ours(seconds)),
      );
      return { results: [summarize('reject', 'answers/s', pairs)], details: { loadGeneratorCores: cpu } };
    });
  },
};
