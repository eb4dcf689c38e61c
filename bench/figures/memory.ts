import { Redis } from 'ioredis';
import type { Bench } from '../bench.js';
import { bareShop, ours } from '../load/accept.js';
import { purchase } from '../load/purchase.js';
import { summarize, type Pair } from '../report/result.js';
import { openSale } from '../system/sale.js';
import { whilePaused } from '../system/sluice.js';
import type { Figure } from './figure.js';

/** What is gone from the yardstick's Redis once an order is written. */
const passingKeys = ['queued', 'queued-at', 'queued-sum', 'queued-by'].map((key) => `{bare}:${key}`);

/** What an order costs Redis, its job included. */
export const memory: Figure = {
  name: 'memory',
  about: {
    memoryQueued: {
      figure: 'bytes in Redis for each accepted order while it is queued, jobs included',
      yardstick: "what the yardstick's script keeps of it",
      target: '≤ 1,000 bytes',
    },
    memorySettled: {
      figure: 'bytes in Redis for each accepted order once it is written',
      yardstick: "its buyer and its idempotency key, as the yardstick's script keeps them",
      target: '≤ 250 bytes',
    },
  },
  async measure(bench) {
    const queued: Pair[] = [];
    const settled: Pair[] = [];
    for (let run = 1; run <= bench.scale.runs; run++) {
      bench.say(`memory: run ${run} of ${bench.scale.runs}`);
      const yardstick = await ofYardstick(bench);
      const value = await ofOurs(bench);
      queued.push({ value: value.queued, yardstick: yardstick.queued });
      settled.push({ value: value.settled, yardstick: yardstick.settled });
    }
    return { results: [summarize('memoryQueued', 'bytes', queued), summarize('memorySettled', 'bytes', settled)] };
  },
};

interface BytesPerOrder {
  readonly queued: number;
  readonly settled: number;
}

async function ofOurs(bench: Bench): Promise<BytesPerOrder> {
  const { sluice, books, scale } = bench;
  const orders = scale.memoryOrders;
  const sale = await openSale(sluice, orders);
  let queued = NaN;
  const before = await bytesIn(books.redis);
  await whilePaused(sluice.worker, async () => {
    await purchase(bench, ours(bench, sale), orders);
    queued = await bytesIn(books.redis);
  });
  await books.whenTaken(sale, orders);
  await books.whenSettled(sale);
  return { queued: (queued - before) / orders, settled: ((await bytesIn(books.redis)) - before) / orders };
}

async function ofYardstick(bench: Bench): Promise<BytesPerOrder> {
  const orders = bench.scale.memoryOrders;
  const sale = await openSale(bench.sluice, 1);
  const shop = await bareShop(bench, sale);
  const redis = new Redis(bench.servers.bareRedis.url);
  try {
    const before = await bytesIn(redis);
    await purchase(bench, shop, orders);
    const queued = await bytesIn(redis);
    await redis.del(passingKeys);
    return { queued: (queued - before) / orders, settled: ((await bytesIn(redis)) - before) / orders };
  } finally {
    redis.disconnect();
  }
}

/** What the data take: buffers of clients and of the append-only file come and go. */
async function bytesIn(redis: Redis): Promise<number> {
  const info = await redis.info('memory');
  const bytes = /used_memory_dataset:(\d+)/.exec(info)?.[1];
  if (bytes === undefined) throw new Error('Redis does not tell its memory');
  return Number(bytes);
}
