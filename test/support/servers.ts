import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from 'pg';

import { startRedis, type EmbeddedServer } from '../../src/embedded/index.js';
import { until } from './until.js';

/** How long a closed connection's server process may take to leave before it counts as leaked. */
const LEAK_GRACE_MS = 3_000;

export interface TestRedisOptions {
  /** Default `always`, as in production. */
  readonly appendfsync?: 'always' | 'everysec' | 'no';
  /** More arguments of redis-server, such as `['--cluster-enabled', 'yes']`. */
  readonly args?: readonly string[];
}

/** A real Redis of one's own, in a folder that goes with it. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** What it writes goes there. */
  readonly dataDir: string;
  /** Changes with a restart. */
  readonly pid: number;
  /** Stops it in order and keeps its data for `restart`. */
  stop(): Promise<void>;
  /** Sends a signal, SIGKILL by default. Resolves when the server is gone; at once for SIGSTOP and SIGCONT. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Stops it unless it is down, and starts it again on the same port and data. */
  restart(): Promise<void>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

/** A database of one's own on the PostgreSQL of the Jest run. */
export interface TestDatabase {
  readonly url: string;
  /** Drops it. @throws Error when connections to it are still open; it is dropped all the same */
  drop(): Promise<void>;
}

export interface TestServers {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly redis: TestRedis;
  /** Drops the database, stops Redis, removes the folders. @throws Error when connections to the database are still open */
  stop(): Promise<void>;
}

/** What one test file needs: a migrated database and a Redis, both empty and its own. Call `stop` in `afterAll`. */
export async function startTestServers(options: TestRedisOptions = {}): Promise<TestServers> {
  const [database, redis] = await Promise.all([createTestDatabase(), startTestRedis(options)]);
  return {
    databaseUrl: database.url,
    redisUrl: redis.url,
    redis,
    async stop() {
      await redis.remove();
      await database.drop();
    },
  };
}

/** A clone of the migrated template, or with `empty` a database without tables. */
export async function createTestDatabase({ empty = false } = {}): Promise<TestDatabase> {
  const name = `test_${String(process.pid)}_${randomBytes(4).toString('hex')}`;
  const template = empty ? 'template0' : given('TEST_POSTGRES_TEMPLATE');
  await asAdmin((admin) => admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  const url = new URL(given('TEST_POSTGRES_URL'));
  url.pathname = name;
  return {
    url: url.href,
    drop: () =>
      asAdmin(async (admin) => {
        const leaked = await openConnections(admin, name);
        await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
        if (leaked.length > 0) throw new Error(`connections to the database were left open:\n${leaked.join('\n')}`);
      }),
  };
}

export async function startTestRedis({ appendfsync = 'always', args = [] }: TestRedisOptions = {}): Promise<TestRedis> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-test-redis-'));
  const start = (port?: number): Promise<EmbeddedServer> =>
    startRedis({ dataDir, ...(port !== undefined && { port }), args: ['--appendfsync', appendfsync, ...args] });
  let server = await start();
  let isRunning = true;
  const watch = (): void => {
    isRunning = true;
    void server.ended.then(() => (isRunning = false));
  };
  watch();
  return {
    url: server.url,
    port: server.port,
    dataDir,
    get pid() {
      return server.pid;
    },
    stop: () => server.stop(),
    async kill(signal = 'SIGKILL') {
      // Its pid may be somebody else's by now.
      if (!isRunning) throw new Error('redis-server is already down');
      process.kill(server.pid, signal);
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await server.ended;
    },
    async restart() {
      await server.stop();
      server = await start(server.port);
      watch();
    },
    async remove() {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** What still is connected after the grace time, one line each. */
async function openConnections(admin: Client, database: string): Promise<string[]> {
  const ask = async (): Promise<string[]> => {
    const { rows } = await admin.query<{ line: string }>(
      `SELECT format('pid %s, %s, %s: %s', pid, coalesce(nullif(application_name, ''), 'unnamed'), state, left(query, 200)) AS line
         FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'`,
      [database],
    );
    return rows.map((row) => row.line);
  };
  const isIdle = async (): Promise<boolean> => (await ask()).length === 0;
  await until(isIdle, { timeoutMs: LEAK_GRACE_MS }).catch(() => undefined);
  return ask();
}

async function asAdmin<T>(work: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: given('TEST_POSTGRES_URL') });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

function given(variable: string): string {
  const value = process.env[variable];
  if (value === undefined)
    throw new Error(`${variable} is not set: it comes from global-setup, so run this under Jest`);
  return value;
}
