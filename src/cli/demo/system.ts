import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServers } from '../../embedded/index.js';
import { newKeys, type Keys } from '../keys.js';
import { startApp } from '../process.js';
import type { Teardown } from '../teardown.js';
import type { Progress } from './progress.js';

/** Sluice as in production, each role a process of its own, on servers and data that go with the demo. */
export interface DemoSystem {
  readonly api: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly keys: Keys;
}

/** Starts it. `teardown` ends it, also when only half of it stands. @throws the reason of `stop`; Error when a part does not start */
export async function startSystem(teardown: Teardown, stop: AbortSignal, progress: Progress): Promise<DemoSystem> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-demo-'));
  teardown.add(() => rm(dir, { recursive: true, force: true }));
  await chmod(dir, 0o711); // root's PostgreSQL runs under another account

  progress.update('starting PostgreSQL and Redis');
  const announce = (line: string): void => {
    progress.done(line);
  };
  const servers = await startServers({ dataDir: dir, announce });
  teardown.add(() => servers.stop());
  const { databaseUrl, redisUrl } = servers;
  stop.throwIfAborted();

  progress.update('starting API, worker and reconciler');
  const keys = newKeys();
  const started = await Promise.allSettled(
    ['api', 'worker', 'reconciler'].map(async (role) => {
      const env = {
        PATH: process.env.PATH,
        ROLES: role,
        DATABASE_URL: databaseUrl,
        REDIS_URL: redisUrl,
        ADMIN_API_KEYS: `demo:${keys.adminKey}`,
        BUYER_JWT_SECRET: keys.buyerSecret,
        RATE_LIMIT_IP: 'off', // 20,000 buyers behind one address
        LOG_LEVEL: 'warn',
      };
      return startApp({ name: role, logDir: dir, env });
    }),
  );
  const apps = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  teardown.add(() => Promise.all(apps.map((app) => app.stop())));
  for (const result of started) if (result.status === 'rejected') throw result.reason;
  stop.throwIfAborted();
  progress.done('API, worker and reconciler are running, with PostgreSQL and Redis, each a process of its own');
  return { api: apps[0]?.url ?? '', databaseUrl, redisUrl, keys };
}
