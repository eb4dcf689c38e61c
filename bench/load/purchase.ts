import type { Bench } from '../bench.js';
import { withCrowd } from '../system/tokens.js';
import { saturating, type Shop } from './accept.js';
import type { GeneratorResult } from './generator-job.js';
import { runGenerator } from './run-generator.js';

const bucketMs = 250;

/** So many purchases, each by another buyer with a key of its own, and not one more. */
export function requestTickets(bench: Bench, shop: Shop, requests: number): Promise<GeneratorResult> {
  return withCrowd(bench, requests, (tokens) =>
    runGenerator(
      { ...shop, tokens, keys: 'ticket-', connections: saturating, pace: { kind: 'requests', requests }, bucketMs },
      { dir: bench.servers.dir, stop: bench.stop },
    ),
  );
}

/** As `requestTickets`. @throws Error unless every one was accepted */
export async function purchase(bench: Bench, shop: Shop, orders: number): Promise<void> {
  const { answers } = await requestTickets(bench, shop, orders);
  if (answers[202] !== orders) throw new Error(`${shop.path} did not accept all: ${JSON.stringify(answers)}`);
}
