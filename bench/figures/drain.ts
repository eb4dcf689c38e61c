import type { Bench } from '../bench.js';
import { ours } from '../load/accept.js';
import { purchase } from '../load/purchase.js';
import { summarize } from '../report/result.js';
import { openSale, type BenchSale } from '../system/sale.js';
import { whilePaused } from '../system/sluice.js';
import { insertCopies } from '../yardsticks/batched-insert.js';
import type { Figure } from './figure.js';
import { interleave } from './interleave.js';

/** How fast a worker writes what waits for it. */
export const drain: Figure = {
  name: 'drain',
  about: {
    drain: {
      figure: 'orders a second from 202 to a committed row, one hot ticket type',
      yardstick: 'the same rows by raw batched INSERT from one connection, 500 orders a transaction',
      target: '≥ 0.5',
    },
  },
  async measure(bench) {
    const { scale } = bench;
    // the yardstick writes the rows of the latest sale once more
    let { sale } = await drainOrders(bench, scale.drainOrders);
    const pairs = await interleave(
      bench,
      'drain',
      () => insertCopies(bench, sale),
      async () => {
        const drained = await drainOrders(bench, scale.drainOrders);
        sale = drained.sale;
        return drained.perSecond;
      },
    );
    return { results: [summarize('drain', 'orders/s', pairs)] };
  },
};

/** Lets the outbox fill while the worker stands still, and times it from the moment it goes on. */
async function drainOrders(bench: Bench, orders: number): Promise<{ sale: BenchSale; perSecond: number }> {
  const { sluice, books } = bench;
  const sale = await openSale(sluice, orders);
  const startedAt = await whilePaused(sluice.worker, () => purchase(bench, ours(bench, sale), orders));
  const endedAt = await books.whenTaken(sale, orders);
  await books.whenSettled(sale);
  return { sale, perSecond: (orders * 1000) / (endedAt - startedAt) };
}
