import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort, startPostgres, startRedis } from '../../embedded/index.js';
import { KeptProcess, type Started } from '../../embedded/kept-process.js';
import { logTail, supervise } from '../../embedded/supervise.js';
import { keepKeys, type Keys } from '../keys.js';
import type { Teardown } from '../teardown.js';
import { configureNginx, startNginx } from './nginx.js';
import { configurePgBouncer, pooled, startPgBouncer } from './pgbouncer.js';

const main = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));
const debianPostgres = '/usr/lib/postgresql';
/** SIGTERM gives the application 10 s, each of these 5 s; signal 0 only waits. */
const appStopSignals = ['TERM', '0', 'KILL'];
const readyTimeoutMs = 60_000;
const lookMs = 50;

/** The compose file's nodes. */
const nodes = ['api-1', 'api-2', 'worker-1', 'worker-2', 'reconciler'] as const;

/** What nodes behind nginx and PgBouncer are told, here as in docker-compose.yml. */
export const topologyEnvironment = {
  DATABASE_PREPARED_STATEMENTS: 'off',
  SHUTDOWN_DRAIN_MS: '4000',
  TRUST_PROXY: '127.0.0.1',
} as const;

export interface TopologyOptions {
  /** for data, configuration and logs; root's PostgreSQL and PgBouncer run under other accounts and must get in */
  readonly dir: string;
  /** where nginx listens; a free port when left out */
  readonly port?: number | undefined;
  /** whether nginx limits what one address may do */
  readonly limited: boolean;
  /** told to every node */
  readonly env?: Readonly<Record<string, string>>;
  /** told of a part that ended by itself and is started again */
  readonly onEnd?: (name: string) => void;
}

/** The picture of docker-compose.yml without containers: nginx, five nodes, PgBouncer, PostgreSQL and Redis, each kept running. */
export interface Topology {
  /** nginx: all that the outside sees */
  readonly url: string;
  /** addresses of the nodes by name */
  readonly nodeUrls: ReadonlyMap<string, string>;
  readonly keys: Keys;
  /** PostgreSQL itself */
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly parts: ReadonlyMap<string, KeptProcess>;
  /** Stops a node in order and starts it anew; resolves once the new one is ready. */
  replace(node: string): Promise<void>;
}

/** Starts it. `teardown` ends it, also when only half of it stands. @throws Error with the last words of what does not start */
export async function startTopology(options: TopologyOptions, teardown: Teardown): Promise<Topology> {
  const { dir, limited, env = {}, onEnd = () => undefined } = options;
  const parts = new Map<string, KeptProcess>();
  const keep = (name: string, start: (nth: number) => Promise<Started>): KeptProcess => {
    const part = new KeptProcess(name, start, () => {
      onEnd(name);
    });
    parts.set(name, part);
    teardown.add(() => part.stop());
    return part;
  };

  const [redisPort, postgresPort] = [await freePort(), await freePort()];
  const binDir = await newestPostgres();
  const startRedisServer = () => startRedis({ dataDir: join(dir, 'redis'), port: redisPort });
  const startPostgresServer = () =>
    startPostgres({ dataDir: join(dir, 'postgres'), port: postgresPort, ...(binDir === undefined ? {} : { binDir }) });
  const [redis, postgres] = await Promise.all([
    first(keep, 'redis', startRedisServer),
    first(keep, 'postgres', startPostgresServer),
  ]);

  const pgBouncerPort = await freePort();
  const pgBouncerDir = join(dir, 'pgbouncer');
  await configurePgBouncer({ dir: pgBouncerDir, port: pgBouncerPort, databaseUrl: postgres.url });
  keep('pgbouncer', () => startPgBouncer(pgBouncerDir));

  const keys = await keepKeys(dir);
  const nodeUrls = new Map<string, string>();
  const logOf = (name: string): string => join(dir, `${name}.log`);
  for (const name of nodes) {
    const port = String(await freePort());
    const nodeEnv = {
      PATH: process.env.PATH,
      PORT: port,
      ROLES: name.replace(/-\d$/, ''),
      DATABASE_URL: pooled(postgres.url, pgBouncerPort),
      REDIS_URL: redis.url,
      ADMIN_API_KEYS: `topology:${keys.adminKey}`,
      BUYER_JWT_SECRET: keys.buyerSecret,
      ...topologyEnvironment,
      ...env,
    };
    nodeUrls.set(name, `http://127.0.0.1:${port}`);
    keep(name, () =>
      supervise(process.execPath, [main], {
        stopSignals: appStopSignals,
        logFile: logOf(name),
        cwd: dir,
        env: nodeEnv,
      }),
    );
  }
  const ready = async (name: string): Promise<void> => {
    if (!(await answers(`${nodeUrls.get(name) ?? ''}/health/ready`)))
      throw new Error(`${name} did not start: ${await logTail(logOf(name))}`);
  };
  await Promise.all(nodes.map(ready));

  const port = options.port ?? (await freePort());
  const nginxDir = join(dir, 'nginx');
  const apis = [...nodeUrls].filter(([name]) => name.startsWith('api')).map(([, url]) => new URL(url).host);
  await configureNginx({ dir: nginxDir, port, nodes: apis, limited });
  keep('nginx', () => startNginx(nginxDir));
  const url = `http://127.0.0.1:${String(port)}`;
  // of the nodes' readiness nginx says nothing; they are ready
  if (!(await answers(`${url}/health/live`)))
    throw new Error(`nginx did not start: ${await logTail(join(nginxDir, 'nginx.log'))}`);

  return {
    url,
    nodeUrls,
    keys,
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    parts,
    async replace(name) {
      const node = parts.get(name);
      if (node === undefined) throw new Error(`there is no node ${name}`);
      await node.end('SIGTERM', 0);
      await ready(name);
    },
  };
}

/** Starts a server for the first time, and keeps it from then on. */
async function first<Server extends Started>(
  keep: (name: string, start: (nth: number) => Promise<Started>) => unknown,
  name: string,
  start: () => Promise<Server>,
): Promise<Server> {
  const server = await start();
  keep(name, (nth) => (nth === 1 ? Promise.resolve(server) : start()));
  return server;
}

/** Whether there is a 2xx before the time is up. */
async function answers(url: string): Promise<boolean> {
  for (const deadline = performance.now() + readyTimeoutMs; performance.now() < deadline;) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok === true) return true;
    await delay(lookMs);
  }
  return false;
}

/** Debian's; undefined: there is none, and the npm package's is taken. */
async function newestPostgres(): Promise<string | undefined> {
  const versions = (await readdir(debianPostgres).catch(() => [])).filter((name) => /^\d+$/.test(name));
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? undefined : join(debianPostgres, newest, 'bin');
}
