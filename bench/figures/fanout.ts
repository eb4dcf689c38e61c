import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../bench.js';
import { runClosedLoop } from '../load/closed-loop.js';
import { rateOf, saturating } from '../load/accept.js';
import { summarize } from '../report/result.js';
import { openSale, type BenchSale } from '../system/sale.js';
import { withCrowd } from '../system/tokens.js';
import type { Figure } from './figure.js';
import { interleave } from './interleave.js';

const orders = 1000;
const purchasesAtOnce = 50;

/** How many buyers may ask for the state of their order. */
export const fanout: Figure = {
  name: 'fanout',
  about: {
    fanout: {
      figure: `status reads a second, ${orders.toLocaleString('en')} orders in turn`,
      yardstick: 'a bare Fastify route that answers a constant',
    },
  },
  async measure(bench) {
    const { sluice, bare, servers, stop } = bench;
    const sale = await openSale(sluice, orders);
    return withCrowd(bench, orders, async (tokens) => {
      const paths = join(servers.dir, 'orders.txt');
      await writeFile(paths, (await buyAll(bench, sale, tokens)).join('\n'));
      await bench.books.whenSettled(sale);
      const read = async (url: string, more: { path: string; paths?: string }, seconds: number): Promise<number> => {
        const load = { url, method: 'GET', tokens, keys: '', body: '', connections: saturating, seconds } as const;
        const result = await runClosedLoop({ ...load, ...more }, { dir: servers.dir, stop });
        if (result.refused > 0) throw new Error(`${url} refused ${result.refused} of ${result.requests} reads`);
        return rateOf(result);
      };
      const yardstick = (seconds: number) => read(bare.url, { path: '/constant' }, seconds);
      const ours = (seconds: number) => read(sluice.api.url, { path: sale.path, paths }, seconds);
      const pairs = await interleave(bench, 'fanout', yardstick, ours);
      await rm(paths);
      return { results: [summarize('fanout', 'reads/s', pairs)] };
    });
  },
};

/** A ticket for each token, in order. @returns the paths of the orders */
async function buyAll({ sluice }: Bench, { path, body }: BenchSale, tokens: string): Promise<string[]> {
  const left = (await readFile(tokens, 'utf8')).split('\n').entries();
  const paths: string[] = [];
  const lanes = Array.from({ length: purchasesAtOnce }, async () => {
    for (const [i, token] of left) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const answer = await fetch(`${sluice.api.url}${path}`, { method: 'POST', headers, body });
      if (answer.status !== 202) throw new Error(`a purchase got ${answer.status}`);
      const { id } = (await answer.json()) as { id: string };
      paths[i] = `${path}/${id}`;
    }
  });
  await Promise.all(lanes);
  return paths;
}
