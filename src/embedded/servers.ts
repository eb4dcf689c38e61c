import { join } from 'node:path';

import type { EmbeddedServer } from './embedded-server.js';
import { startPostgres } from './postgres.server.js';
import { startRedis } from './redis.server.js';
import type { Announce } from './redis-binary.js';

export interface ServersOptions {
  /** Holds a folder `postgres` and a folder `redis`; created when missing. Guard it with `lockDataDir`. */
  readonly dataDir: string;
  /** As in `startPostgres`; Redis is always durable. Default true. */
  readonly durable?: boolean;
  /** As `binDir` of `startPostgres`. */
  readonly postgresBinDir?: string;
  /** Told when Redis has to be installed first. */
  readonly announce?: Announce;
}

/** One PostgreSQL and one Redis, which is all that Sluice needs. */
export interface EmbeddedServers {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly postgres: EmbeddedServer;
  readonly redis: EmbeddedServer;
  /** Stops both. Safe to repeat. */
  stop(): Promise<void>;
}

/** Starts both beside each other. @throws what `startPostgres` or `startRedis` throws, and then leaves neither running */
export async function startServers(options: ServersOptions): Promise<EmbeddedServers> {
  const { dataDir, durable, postgresBinDir, announce } = options;
  const [postgres, redis] = await Promise.allSettled([
    startPostgres({
      dataDir: join(dataDir, 'postgres'),
      ...(durable !== undefined && { durable }),
      ...(postgresBinDir !== undefined && { binDir: postgresBinDir }),
    }),
    startRedis({ dataDir: join(dataDir, 'redis'), ...(announce && { announce }) }),
  ]);
  if (postgres.status === 'fulfilled' && redis.status === 'fulfilled') return both(postgres.value, redis.value);
  const failures: unknown[] = [];
  for (const result of [postgres, redis]) {
    if (result.status === 'fulfilled') await result.value.stop();
    else failures.push(result.reason);
  }
  throw failures[0];
}

function both(postgres: EmbeddedServer, redis: EmbeddedServer): EmbeddedServers {
  return {
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    postgres,
    redis,
    async stop() {
      await Promise.all([postgres.stop(), redis.stop()]);
    },
  };
}
