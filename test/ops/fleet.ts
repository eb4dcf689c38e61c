import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Targets } from '../support/prometheus.js';
import { freePort } from '../../src/embedded/index.js';
import { AppProcess } from '../chaos/surge/app-process.js';
import { TcpProxy } from '../chaos/surge/tcp-proxy.js';
import { adminKey, jwtSecret } from '../support/api-client.js';
import { startTestServers, type TestServers } from '../support/servers.js';
import { until } from '../support/until.js';

const patiently = { timeoutMs: 30_000, intervalMs: 50 };

/** Sluice as in production, each role a process of its own, with a line to PostgreSQL that can be cut. */
export interface Fleet {
  readonly servers: TestServers;
  /** two processes on one port */
  readonly api: AppProcess;
  readonly worker: AppProcess;
  readonly reconciler: AppProcess;
  readonly postgres: TcpProxy;
  readonly targets: Targets;
  stop(): Promise<void>;
}

/** `npm test` has built it. */
export async function startFleet(env: Readonly<Record<string, string>> = {}): Promise<Fleet> {
  const servers = await startTestServers({ appendfsync: 'no' });
  const dir = await mkdtemp(join(tmpdir(), 'sluice-fleet-'));
  const databaseUrl = new URL(servers.databaseUrl);
  const postgres = await TcpProxy.to(Number(databaseUrl.port));
  databaseUrl.hostname = '127.0.0.1';
  databaseUrl.port = String(postgres.port);
  const targets: Record<string, string[]> = {};
  const start = async (role: string, more: Readonly<Record<string, string>> = {}): Promise<AppProcess> => {
    const port = String(await freePort());
    targets[`sluice-${role}`] = [`127.0.0.1:${port}`];
    const app = new AppProcess(
      role,
      {
        PATH: process.env['PATH'],
        PORT: port,
        ROLES: role,
        DATABASE_URL: databaseUrl.href,
        REDIS_URL: servers.redisUrl,
        ADMIN_API_KEYS: `tester:${adminKey}`,
        BUYER_JWT_SECRET: jwtSecret,
        RATE_LIMIT_IP: 'off',
        RATE_LIMIT_BUYER: 'off',
        RATE_LIMIT_GLOBAL: 'off',
        ...env,
        ...more,
      },
      dir,
    );
    return app;
  };
  const [api, worker, reconciler] = await Promise.all([
    start('api', { API_PROCESSES: '2' }),
    start('worker'),
    start('reconciler'),
  ]);
  const apps = [api, worker, reconciler];
  const stop = async (): Promise<void> => {
    await Promise.all(apps.map((app) => app.stop()));
    postgres.close();
    await servers.stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await until(async () => (await Promise.all(apps.map((app) => app.isReady()))).every(Boolean), patiently);
  } catch (error) {
    await stop();
    throw error;
  }
  return { servers, api, worker, reconciler, postgres, targets, stop };
}
