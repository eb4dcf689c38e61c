import type { Bench } from '../bench.js';
import { bareShop, ours } from '../load/accept.js';
import { requestTickets } from '../load/purchase.js';
import { summarize } from '../report/result.js';
import { openSale, type BenchSale } from '../system/sale.js';
import { startBareServer } from '../yardsticks/bare-server.js';
import type { Figure } from './figure.js';
import { interleave } from './interleave.js';

/**
 * How soon a rush is over. The yardstick is FlashForm's way on the same machine, with a front that is faster than any real one:
 * the bare Fastify route with its script, which also adds one BullMQ job for each accepted order, and a consumer process
 * that works on ten of them at once, a transaction each (yardsticks/one-by-one.ts). Its rows go into the same tables.
 */
export const endToEnd: Figure = {
  name: 'endToEnd',
  about: {
    endToEnd: {
      figure: 'seconds from the first request to the last committed row of 10,000 tickets against 100,000 requests',
      yardstick: "FlashForm's way on the same machine: 10 consumers, a transaction for each order",
      target: '≥ 10 times faster',
    },
  },
  async measure(bench) {
    const { scale, servers, teardown } = bench;
    const { tickets, requests } = scale.endToEnd;
    await startBareServer(new URL('../yardsticks/one-by-one.ts', import.meta.url), servers, teardown);
    const pairs = await interleave(
      bench,
      'endToEnd',
      () => soldIn(bench, 'one by one', tickets, requests),
      () => soldIn(bench, 'ours', tickets, requests),
    );
    return {
      results: [summarize('endToEnd', 's', pairs, 'yardstick/value')],
      details: { tickets, requests },
    };
  },
};

/** @returns seconds from the first request to the last committed row */
async function soldIn(bench: Bench, way: 'ours' | 'one by one', tickets: number, requests: number): Promise<number> {
  const sale = await openSale(bench.sluice, tickets);
  const shop = way === 'ours' ? ours(bench, sale) : await frontOf(bench, sale);
  const load = requestTickets(bench, shop, requests);
  const [{ startedAt, answers }, endedAt] = await Promise.all([load, bench.books.whenTaken(sale, tickets)]);
  if (answers[202] !== tickets || answers[409] !== requests - tickets) {
    throw new Error(`${way}: not ${tickets} of ${requests} were accepted: ${JSON.stringify(answers)}`);
  }
  if (way === 'ours') await bench.books.whenSettled(sale);
  return (endedAt - startedAt) / 1000;
}

async function frontOf(bench: Bench, sale: BenchSale) {
  const shop = await bareShop(bench, sale, sale.capacity);
  return { ...shop, path: `/${sale.id}/orders` };
}
