import type { Bench } from '../bench.js';
import type { BenchSale } from '../system/sale.js';
import { withCrowd } from '../system/tokens.js';
import { CoreMeter } from '../system/cpu.js';
import { runClosedLoop, type LoadResult } from './closed-loop.js';

/** Connections that saturate one API process: more of them wait, and gain nothing. */
export const saturating = 64;

/** Tokens that are signed for each second of load: more than any server here answers. */
const buyersASecond = 20_000;

/** Cores that each server and the load generator used meanwhile, by `NAMECores`. */
export type Usage = Readonly<Record<string, number>>;

type AcceptResult = LoadResult & { readonly usage: Usage };

interface AcceptLoad {
  readonly seconds: number;
  readonly connections?: number;
  /** what answers, where it is not the API process that the benchmark started with */
  readonly api?: { readonly url: string; readonly pid: number };
}

/** Where purchases of a ticket can be sent. */
export interface Shop {
  readonly url: string;
  readonly path: string;
  readonly body: string;
}

export function ours({ sluice }: Bench, sale: BenchSale, url: string = sluice.api.url): Shop {
  return { url, path: sale.path, body: sale.body };
}

/** The yardstick: an emptied Redis with as much stock as anybody may ask for. */
export async function bareShop(
  { bare }: Bench,
  { ticketTypeId, body }: BenchSale,
  capacity = 10_000_000,
): Promise<Shop> {
  const answer = await fetch(`${bare.url}/stock`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ticketTypeId, capacity }),
  });
  if (!answer.ok) throw new Error(`the yardstick could not be filled: ${answer.status}`);
  return { url: bare.url, path: '/orders', body };
}

/**
 * Purchases as fast as so many connections get answers, each by another buyer with a key of its own.
 * @throws Error when one of them was refused
 */
export async function acceptAll(
  bench: Bench,
  shop: Shop,
  { seconds, connections = saturating, api = bench.sluice.api }: AcceptLoad,
): Promise<AcceptResult> {
  const result = await withCrowd(bench, seconds * buyersASecond, async (tokens) => {
    const load = { ...shop, method: 'POST', tokens, keys: 'purchase-', connections, seconds } as const;
    const meter = new CoreMeter(serversOf(bench, api));
    const loaded = await runClosedLoop(load, { dir: bench.servers.dir, stop: bench.stop });
    return { ...loaded, usage: { ...meter.read(), loadGeneratorCores: loaded.cpuShare } };
  });
  if (result.refused > 0) throw new Error(`${shop.url}${shop.path} refused ${result.refused} of ${result.requests}`);
  return result;
}

/** As `acceptAll`, and holds the answers against the books: what was accepted is written. Nothing works on after it. */
export async function acceptAndSettle(bench: Bench, sale: BenchSale, load: AcceptLoad): Promise<AcceptResult> {
  const before = await bench.books.taken(sale);
  const result = await acceptAll(bench, ours(bench, sale, load.api?.url), load);
  await bench.books.whenSettled(sale);
  const written = (await bench.books.taken(sale)) - before;
  if (written < result.requests) throw new Error(`${result.requests} were accepted, ${written} are written`);
  return result;
}

export function rateOf({ requests, seconds }: { readonly requests: number; readonly seconds: number }): number {
  return requests / seconds;
}

/** Pids of what a purchase at Sluice keeps busy. */
function serversOf({ sluice, servers }: Bench, api: { readonly pid: number }): Record<string, number> {
  return {
    api: api.pid,
    worker: sluice.worker.pid,
    redis: servers.sluice.redis.pid,
    postgres: servers.sluice.postgres.pid,
  };
}
