import { attacksOn } from '../abuse/attacks.js';
import { duringAttack } from '../abuse/run-attack.js';
import type { Bench } from '../bench.js';
import { runClosedLoop } from '../load/closed-loop.js';
import { rateOf, saturating } from '../load/accept.js';
import { runGenerator } from '../load/run-generator.js';
import { summarize } from '../report/result.js';
import { openSale, type BenchSale } from '../system/sale.js';
import { withCrowd } from '../system/tokens.js';
import type { Figure } from './figure.js';
import { interleave } from './interleave.js';

/** Purchases of buyers who mean well, at a constant rate: their waiting is what an attack must not lengthen much. */
const perSecond = 300;
const webhookSecret = 'the-secret-of-this-benchmark';

/** How other buyers fare while somebody means no good. Limits are production's own. */
export const abuse: Figure = {
  name: 'abuse',
  about: {
    flood: {
      figure: `others' purchases accepted a second (${saturating} connections) while one address floods with ${3 * saturating}`,
      yardstick: 'the same without the flood',
      target: '≥ 0.8',
    },
  },
  async measure(bench) {
    const sale = await openSale(bench.sluice, 10_000_000);
    const api = await bench.sluice.another('abused', {
      ROLES: 'api',
      TRUST_PROXY: '127.0.0.1',
      PAYMENT_WEBHOOK_SECRET: webhookSecret,
      RATE_LIMIT_IP: '100/1s',
      RATE_LIMIT_BUYER: '10/1s',
      RATE_LIMIT_GLOBAL: '20000/1s',
    });
    try {
      const attacks = attacksOn(sale, bench.sluice.keys, webhookSecret);
      const where = { dir: bench.servers.dir, stop: bench.stop };
      const [flood] = attacks;
      const pairs = await interleave(
        bench,
        'flood',
        (seconds) => accepted(bench, sale, api.url, seconds),
        async (seconds) =>
          (await duringAttack(flood, { url: api.url, seconds }, where, () => accepted(bench, sale, api.url, seconds)))
            .value,
      );

      const details: Record<string, string> = {};
      for (const attack of attacks.slice(0, bench.scale.attacks)) {
        bench.stop.throwIfAborted();
        bench.say(`abuse: ${attack.name}`);
        const seconds = Math.max(1, bench.scale.seconds / 2);
        const before = await p99(bench, sale, api.url, seconds);
        const during = await duringAttack(attack, { url: api.url, seconds }, where, () =>
          p99(bench, sale, api.url, seconds),
        );
        const { answers, ended } = during.attack;
        details[attack.name] = [
          `p99 of others ${before.toFixed(1)} ms before, ${during.value.toFixed(1)} ms during`,
          `answers ${JSON.stringify(answers)}`,
          `connections ended ${ended}`,
        ].join('; ');
      }
      return { results: [summarize('flood', 'orders/s', pairs)], details };
    } finally {
      await api.stop();
    }
  },
};

/** Purchases accepted a second, each of another buyer at another address. @throws Error when one of them is refused */
async function accepted(bench: Bench, { path, body }: BenchSale, url: string, seconds: number): Promise<number> {
  const result = await withCrowd(bench, seconds * 10_000, (tokens) =>
    runClosedLoop(
      { url, path, body, method: 'POST', tokens, keys: 'buyer-', addresses: true, connections: saturating, seconds },
      { dir: bench.servers.dir, stop: bench.stop },
    ),
  );
  if (result.refused > 0) throw new Error(`${result.refused} of ${result.requests} buyers were refused`);
  return rateOf(result);
}

/** The same at a constant rate. @returns ms */
async function p99(bench: Bench, { path, body }: BenchSale, url: string, seconds: number): Promise<number> {
  const pace = { kind: 'rate', perSecond, seconds } as const;
  const { answers, requests, p99Ms } = await withCrowd(bench, perSecond * seconds, (tokens) =>
    runGenerator(
      { url, path, body, tokens, keys: 'buyer-', addresses: true, connections: saturating, pace, bucketMs: 1000 },
      { dir: bench.servers.dir, stop: bench.stop },
    ),
  );
  if (answers[202] !== requests) throw new Error(`not all buyers were served: ${JSON.stringify(answers)}`);
  return p99Ms;
}
