import type { Teardown } from '../src/cli/teardown.js';
import type { Scale } from './scale.js';
import { Books } from './system/books.js';
import { startBenchServers, type BenchServers } from './system/servers.js';
import { Sluice } from './system/sluice.js';
import { startBareServer, type BareServer } from './yardsticks/bare-server.js';

/** All that a figure measures with. */
export interface Bench {
  readonly scale: Scale;
  /** aborts when the run is to end */
  readonly stop: AbortSignal;
  readonly teardown: Teardown;
  readonly servers: BenchServers;
  readonly sluice: Sluice;
  /** the yardsticks' Fastify, on a Redis of its own */
  readonly bare: BareServer;
  readonly books: Books;
  /** Tells whoever watches what is going on. */
  say(text: string): void;
}

/** Starts Sluice and the yardsticks' server; `teardown` ends all of it, also when only half of it stands. */
export async function startBench(
  scale: Scale,
  stop: AbortSignal,
  teardown: Teardown,
  say: (text: string) => void,
): Promise<Bench> {
  say('starting PostgreSQL, Redis, Sluice and the yardsticks');
  const servers = await startBenchServers(teardown);
  stop.throwIfAborted();
  const [sluice, bare] = await Promise.all([
    Sluice.start(servers, teardown),
    startBareServer(new URL('yardsticks/bare-fastify.ts', import.meta.url), servers, teardown),
  ]);
  stop.throwIfAborted();
  const books = new Books(servers);
  teardown.add(() => books.close());
  return { scale, stop, teardown, servers, sluice, bare, books, say };
}
