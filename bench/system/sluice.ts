import { newKeys, type Keys } from '../../src/cli/keys.js';
import type * as processRoom from '../../src/cli/process.js';
import type { Teardown } from '../../src/cli/teardown.js';
import { Probe, probeEnvironment } from './probe.js';
import type { BenchServers } from './servers.js';

type AppProcess = processRoom.AppProcess;

/**
 * All load comes from one address, and more of it than one machine is ever allowed: the limits are counted as in
 * production, and never reached.
 */
const limits = { RATE_LIMIT_IP: '1000000/1s', RATE_LIMIT_GLOBAL: '1000000/1s', QUEUE_MAX_LAG_MS: '600000' };

/** The supervisor that is part of the build: it starts the `main.js` beside it. */
async function builtSupervisor(): Promise<typeof processRoom> {
  const url = new URL('../../dist/cli/process.js', import.meta.url);
  return (await import(url.href)) as typeof processRoom;
}

/** The built application, as in production: each role a process of its own. */
export class Sluice {
  private constructor(
    private readonly servers: BenchServers,
    private readonly start: (name: string, more: NodeJS.ProcessEnv) => Promise<AppProcess>,
    readonly api: AppProcess,
    readonly worker: AppProcess,
    readonly reconciler: AppProcess,
    readonly keys: Keys,
  ) {}

  static async start(servers: BenchServers, teardown: Teardown): Promise<Sluice> {
    const keys = newKeys();
    const { startApp } = await builtSupervisor();
    const start = async (name: string, more: NodeJS.ProcessEnv): Promise<AppProcess> => {
      const app = await startApp({
        name,
        logDir: servers.dir,
        env: {
          PATH: process.env.PATH,
          DATABASE_URL: servers.sluice.databaseUrl,
          REDIS_URL: servers.sluice.redisUrl,
          ADMIN_API_KEYS: `bench:${keys.adminKey}`,
          BUYER_JWT_SECRET: keys.buyerSecret,
          ...limits,
          ...probeEnvironment(servers.dir),
          ...more,
        },
      });
      teardown.add(() => app.stop());
      return app;
    };
    const api = await start('api', { ROLES: 'api' }); // first, alone: it migrates
    const [worker, reconciler] = await Promise.all([
      start('worker', { ROLES: 'worker' }),
      start('reconciler', { ROLES: 'reconciler' }),
    ]);
    return new Sluice(servers, start, api, worker, reconciler, keys);
  }

  /** One more process, with what the environment adds. The caller stops it. */
  another(name: string, env: NodeJS.ProcessEnv): Promise<AppProcess> {
    return this.start(name, env);
  }

  probe({ pid }: AppProcess): Probe {
    return new Probe(this.servers.dir, pid);
  }
}

/** Lets a process stand still for as long as the work takes. What it has open stays open. @returns `Date.now()` when it went on */
export async function whilePaused({ pid }: AppProcess, work: () => Promise<unknown>): Promise<number> {
  process.kill(pid, 'SIGSTOP');
  try {
    await work();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  return Date.now();
}
