import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { freePort } from '../../src/embedded/index.js';
import { AppProcess } from '../chaos/surge/app-process.js';
import { adminKey, ApiClient, jwtSecret } from './api-client.js';
import { startTestServers, type TestServers } from './servers.js';
import { until } from './until.js';
import { webhookSecret } from './webhook.js';

const patiently = { timeoutMs: 60_000, intervalMs: 50 };

export interface FleetOptions {
  /** processes that each have one role; default one of each */
  readonly roles?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** default: of its own */
  readonly servers?: TestServers;
}

/**
 * Sluice as in production, each role a process of its own: what one of them suffers is not what the test's own event loop does, and a
 * death is seen. `npm test` has built it.
 */
export interface ProcessFleet {
  readonly servers: TestServers;
  /** of the API nodes, in the order in which they were started */
  readonly apis: readonly ApiClient[];
  readonly api: ApiClient;
  readonly apps: readonly AppProcess[];
  /** connections of the test alone, to look behind */
  readonly sql: pg.Pool;
  readonly redis: Redis;
  /** Starts one more process, and waits until it serves. */
  start(role: string, env?: Readonly<Record<string, string>>): Promise<AppProcess>;
  /** Resolves when all of them serve, also those that a test before this one made die. */
  ready(): Promise<unknown>;
  /** A line for each process that died by itself, with the last words of one of its deaths. */
  deaths(): string[];
  stop(): Promise<void>;
}

export async function startProcessFleet(options: FleetOptions = {}): Promise<ProcessFleet> {
  const { roles = ['api', 'worker', 'reconciler'], env = {} } = options;
  const servers = options.servers ?? (await startTestServers({ appendfsync: 'no' }));
  const dir = await mkdtemp(join(tmpdir(), 'sluice-fleet-'));
  const apps: AppProcess[] = [];
  const apis: ApiClient[] = [];
  const sql = new pg.Pool({ connectionString: servers.databaseUrl, max: 6 });
  const redis = new Redis(servers.redisUrl);
  // a test may take the servers away
  sql.on('error', () => undefined);
  redis.on('error', () => undefined);

  const start: ProcessFleet['start'] = async (role, others = {}) => {
    const app = new AppProcess(
      `${role}-${apps.length}`,
      {
        PATH: process.env['PATH'],
        PORT: String(await freePort()),
        ROLES: role,
        DATABASE_URL: servers.databaseUrl,
        REDIS_URL: servers.redisUrl,
        ADMIN_API_KEYS: `tester:${adminKey}`,
        BUYER_JWT_SECRET: jwtSecret,
        PAYMENT_WEBHOOK_SECRET: webhookSecret,
        RATE_LIMIT_IP: 'off',
        RATE_LIMIT_BUYER: 'off',
        RATE_LIMIT_GLOBAL: 'off',
        ...env,
        ...others,
      },
      dir,
    );
    apps.push(app);
    // the form of answers is what other tests are about; here it would take the time of whoever measures
    if (role === 'api') apis.push(new ApiClient(app.url, { check: () => undefined }));
    await until(() => app.isReady(), patiently);
    return app;
  };
  const stop = async (): Promise<void> => {
    await Promise.all([...apis.map((api) => api.close()), ...apps.map((app) => app.stop())]);
    await sql.end();
    redis.disconnect();
    await servers.stop();
    await rm(dir, { recursive: true, force: true });
  };
  const areReady = (): Promise<boolean[]> => Promise.all(apps.map((app) => app.isReady()));
  try {
    for (const role of roles) await start(role);
    const [api] = apis;
    if (api === undefined) throw new Error('a fleet needs an API node');
    const ready = (): Promise<unknown> => until(async () => (await areReady()).every(Boolean), patiently);
    return { servers, apis, api, apps, sql, redis, start, ready, deaths: () => apps.flatMap(deathsOf), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function deathsOf({ name, starts, crashes }: AppProcess): string[] {
  return starts === 1 && crashes.length === 0 ? [] : [`${name} was started ${starts} times; ${crashes[0] ?? ''}`];
}
