import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { startPostgres } from '../../src/embedded/index.js';
import { migrate } from '../../src/postgres/migrate.js';
import { startTestRedis, type TestServers } from './servers.js';
import { temporaryFolder } from './temporary-folder.js';

/** Servers of a test's own, whose PostgreSQL may stand still without any other test noticing. */
export interface OwnServers extends TestServers {
  /** Stops all of PostgreSQL's processes where they are. What was sent to it is still there when it goes on. */
  freeze(): Promise<void>;
  /** Lets all of them go on but some, which a busy machine comes to later. */
  thaw(except?: readonly number[]): void;
}

export async function startOwnServers(): Promise<OwnServers> {
  const dir = await temporaryFolder('own-postgres');
  const [postgres, redis] = await Promise.all([
    startPostgres({ dataDir: dir, durable: false }),
    startTestRedis({ appendfsync: 'no' }),
  ]);
  await migrate(postgres.url);
  let frozen: number[] = [];
  const thaw = (except: readonly number[] = []): void => {
    for (const pid of frozen) if (!except.includes(pid)) signal(pid, 'SIGCONT');
    frozen = frozen.filter((pid) => except.includes(pid));
  };
  return {
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    redis,
    async freeze() {
      // the postmaster first, or it would start others meanwhile
      frozen = [postgres.pid];
      signal(postgres.pid, 'SIGSTOP');
      const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', String(postgres.pid)]);
      frozen.push(...stdout.split('\n').filter(Boolean).map(Number));
      for (const pid of frozen) signal(pid, 'SIGSTOP');
    },
    thaw,
    async stop() {
      thaw();
      await redis.remove();
      await postgres.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** To a process that may have ended meanwhile. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
