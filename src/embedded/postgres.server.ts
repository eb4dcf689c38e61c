import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';

import { Client } from 'pg';

import { freePort } from './free-port.js';
import { awaitLeftover } from './leftover.js';
import { becomesTrue } from './poll.js';
import { postgresLauncher, type Launcher } from './postgres-account.js';
import { postgresBinaries } from './postgres-binaries.js';
import { NAME, openCluster, POSTGRES_ENVIRONMENT, postgresFolder, type PostgresFolder } from './postgres-cluster.js';
import type { EmbeddedServer } from './embedded-server.js';
import { logTail, supervise, type Supervised } from './supervise.js';

/** Crash recovery of a large write-ahead log is part of a start. */
const READY_TIMEOUT_MS = 120_000;

/** After a kill -9 its server processes notice within a second that their parent has gone. */
const PASSING_TIMEOUT_MS = 20_000;

/** Fast shutdown, immediate shutdown, the end. */
const STOP_SIGNALS = ['INT', 'QUIT', 'KILL'];

export interface PostgresOptions {
  /** Holds the cluster, the password (mode 0600) and the server's log; created when missing. */
  readonly dataDir: string;
  /** A free one when left out. */
  readonly port?: number;
  /** The folder with `initdb` and `postgres` of another installation than the npm package's. */
  readonly binDir?: string;
  /** False trades what a crash of the machine would lose for speed (no fsync): for tests. Default true. */
  readonly durable?: boolean;
}

/**
 * Starts a real PostgreSQL on 127.0.0.1, with the superuser and database `sluice`, encoding UTF8 and locale C. The first start in a folder
 * creates the cluster (about 1.3 s), later ones keep its data (about 0.2 s). The server ends with this process, whatever ends it.
 *
 * @throws Error with the server's own last words when it does not start
 */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedServer> {
  const binaries = await postgresBinaries(options.binDir);
  await mkdir(options.dataDir, { recursive: true, mode: 0o711 });
  const folder = postgresFolder(await realpath(options.dataDir));
  const launcher = await postgresLauncher({ initdb: await realpath(binaries.initdb), cluster: folder.cluster });
  const durable = options.durable ?? true;
  const password = await openCluster(folder, binaries, launcher, durable);
  await awaitLeftover(join(folder.cluster, 'postmaster.pid'), folder.cluster);
  const { server, port } = await launch(folder, binaries.postgres, launcher, password, durable, options.port);
  const url = urlOf(port, password, NAME);
  return { url, port, pid: server.pid, ended: server.ended, stop: () => server.stop() };
}

async function launch(
  folder: PostgresFolder,
  program: string,
  launcher: Launcher,
  password: string,
  durable: boolean,
  fixedPort: number | undefined,
): Promise<{ server: Supervised; port: number }> {
  const giveUpAt = performance.now() + PASSING_TIMEOUT_MS;
  for (;;) {
    const port = fixedPort ?? (await freePort());
    const [command = '', ...args] = [...launcher.prefix, program, ...settings(folder.cluster, port, durable)];
    const server = await supervise(command, args, {
      stopSignals: STOP_SIGNALS,
      logFile: folder.logFile,
      cwd: '/',
      env: POSTGRES_ENVIRONMENT,
      account: launcher.spawnAs,
    });
    if (await answers(server, port, password)) return { server, port };
    await server.stop();
    const said = await logTail(folder.logFile);
    if (performance.now() > giveUpAt || !isPassing(said, fixedPort))
      throw new Error(`PostgreSQL did not start: ${said}`);
  }
}

/** Whether the next attempt may succeed: processes of a killed server are still leaving, or somebody took the free port first. */
function isPassing(said: string, fixedPort: number | undefined): boolean {
  if (said.includes('pre-existing shared memory block')) return true;
  return fixedPort === undefined && said.includes('Address already in use');
}

function settings(cluster: string, port: number, durable: boolean): string[] {
  const values: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 200,
    shared_buffers: '256MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return ['-D', cluster, ...Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${String(value)}`])];
}

/** True once the database takes connections; false when the server ended or took too long. */
async function answers(server: Supervised, port: number, password: string): Promise<boolean> {
  const isReady = async (): Promise<boolean> => server.hasEnded() || (await ensureDatabase(port, password));
  const ready = becomesTrue(isReady, { timeoutMs: READY_TIMEOUT_MS });
  // Who has taken the port may keep us waiting for an answer.
  return (await Promise.race([ready, server.ended])) === true && !server.hasEnded();
}

/** The password is this cluster's own, so another server on the port is not taken for it. */
async function ensureDatabase(port: number, password: string): Promise<boolean> {
  const client = new Client({
    connectionString: urlOf(port, password, 'postgres'),
    ssl: false,
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => undefined); // a lost connection also fails the query under way
  try {
    await client.connect();
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [NAME]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${NAME}`);
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function urlOf(port: number, password: string, database: string): string {
  return `postgresql://${NAME}:${password}@127.0.0.1:${String(port)}/${database}`;
}
