/** @needs ps */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { Client } from 'pg';

import {
  AlreadyRunning,
  freePort,
  lockDataDir,
  startPostgres,
  startRedis,
  startServers,
  type EmbeddedServers,
} from '../../src/embedded/index.js';
import { postgresBinaries } from '../../src/embedded/postgres-binaries.js';
import { startMark } from '../../src/embedded/process-identity.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { until } from '../support/until.js';

const run = promisify(execFile);
const LOADER = fileURLToPath(new URL('../support/typescript.mjs', import.meta.url));
const RUN_SERVERS = fileURLToPath(new URL('../support/run-servers.ts', import.meta.url));
const BIN_DIR = process.env['TEST_POSTGRES_BIN'];
const NO_PROCESS = 2 ** 22; // above the highest pid that Linux and macOS give

let dir: string;
const children: ChildProcess[] = [];
const stops: (() => Promise<void>)[] = [];

/** A stopped cluster that the tests copy: initdb takes ten times as long. */
let prepared: string;

beforeAll(async () => {
  prepared = await temporaryFolder('embedded');
  const server = await startPostgres({ dataDir: prepared, durable: false, ...bin() });
  await server.stop();
});

afterAll(() => rm(prepared, { recursive: true, force: true }));

beforeEach(async () => {
  dir = await temporaryFolder('embedded');
});

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  }
  await rm(dir, { recursive: true, force: true });
});

describe('startServers', () => {
  test('when the servers are stopped and started again in the same folder, then their data are still there', async () => {
    const first = await start();
    await query(first.databaseUrl, 'CREATE TABLE note AS SELECT 42 AS answer');
    await redisOf(first.redisUrl, (redis) => redis.set('note', 'kept'));
    await first.stop();

    const second = await start();
    expect(await query(second.databaseUrl, 'SELECT answer FROM note')).toEqual([{ answer: 42 }]);
    expect(await redisOf(second.redisUrl, (redis) => redis.get('note'))).toBe('kept');
  });

  test('when both servers are killed with SIGKILL, then the next start recovers their data', async () => {
    const first = await start();
    await query(first.databaseUrl, 'CREATE TABLE note AS SELECT 42 AS answer');
    await redisOf(first.redisUrl, (redis) => redis.set('note', 'kept'));
    process.kill(first.postgres.pid, 'SIGKILL');
    process.kill(first.redis.pid, 'SIGKILL');
    await Promise.all([first.postgres.ended, first.redis.ended]);

    const second = await start();
    expect(await query(second.databaseUrl, 'SELECT answer FROM note')).toEqual([{ answer: 42 }]);
    expect(await redisOf(second.redisUrl, (redis) => redis.get('note'))).toBe('kept');
  });

  test('when started, then the servers are set up to keep what they have answered', async () => {
    const { databaseUrl, redisUrl } = await start();
    const names = [
      'fsync',
      'synchronous_commit',
      'max_connections',
      'listen_addresses',
      'unix_socket_directories',
      'server_encoding',
      'lc_collate',
    ];
    const rows = await query(
      databaseUrl,
      `SELECT ${names.map((name) => (name === 'lc_collate' ? LC_COLLATE : `current_setting('${name}') AS ${name}`)).join()}`,
    );
    expect(rows).toEqual([
      {
        fsync: 'on',
        synchronous_commit: 'on',
        max_connections: '200',
        listen_addresses: '127.0.0.1',
        unix_socket_directories: '',
        server_encoding: 'UTF8',
        lc_collate: 'C',
      },
    ]);
    const settings = await redisOf(redisUrl, (redis) =>
      redis.config('GET', 'append*', 'maxmemory-policy', 'bind', 'protected-mode'),
    );
    expect(settings).toEqual(expect.arrayContaining(['always', 'noeviction', '127.0.0.1']));
    expect(await redisOf(redisUrl, (redis) => redis.config('GET', 'appendonly'))).toEqual(['appendonly', 'yes']);
  });

  test('when started, then the password is asked for and only its owner can read it', async () => {
    const { databaseUrl } = await start();
    const guess = new URL(databaseUrl);
    guess.password = 'guess';
    await expect(query(guess.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
    const file = join(dir, 'postgres', 'password');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readFile(file, 'utf8')).trim()).toBe(new URL(databaseUrl).password);
  });

  test('when one of the two cannot start, then it says why and the other does not stay', async () => {
    await expect(startServers({ dataDir: dir, postgresBinDir: '/nonexistent' })).rejects.toThrow(
      'no PostgreSQL in /nonexistent',
    );
    const pidFile = join(dir, 'redis', 'redis.pid');
    await expect(stat(pidFile)).rejects.toThrow('ENOENT');
  });

  test('when the process that started them is killed with SIGKILL, then both servers end within seconds', async () => {
    const { child, pids, databaseUrl } = await spawnServers();
    expect(await query(databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    child.kill('SIGKILL');
    await until(() => areGone(pids), { timeoutMs: 10_000 });
    // and nothing of them is in the way of a new start
    await start();
  });

  test('when the supervising shells are killed, then the servers end as well', async () => {
    const { child, pids } = await spawnServers();
    const shells = await Promise.all(pids.map(parentOf));
    for (const shell of shells) process.kill(shell, 'SIGKILL');
    await until(() => areGone(pids), { timeoutMs: 10_000 });
    expect(child.exitCode).toBeNull();
  });

  test('when the process exits without stopping them, then both servers end', async () => {
    const { child, pids } = await spawnServers();
    child.kill('SIGINT'); // nothing handles it: the process ends at once
    await until(() => areGone(pids), { timeoutMs: 10_000 });
  });

  test('when Ctrl-C reaches the process group of the application, then the servers are not in it', async () => {
    const { child, pids } = await spawnServers();
    const groups = await Promise.all([child.pid ?? 0, ...pids].map(groupOf));
    expect(groups.slice(1)).not.toContain(groups[0]);
  });

  test('when run as an ordinary user, then both servers work', async () => {
    const account = userInfo().uid === 0 ? await nobody() : null;
    const dataDir = join(dir, 'data');
    await mkdir(dataDir);
    if (account) await chown(dataDir, account.uid, account.gid);
    const binDir = account ? (BIN_DIR ?? (await copyOfBinaries())) : BIN_DIR;
    const { pids, databaseUrl, redisUrl } = await spawnServers({ dataDir, binDir, account });
    expect(await query(databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await redisOf(redisUrl, (redis) => redis.ping())).toBe('PONG');
    expect(await Promise.all(pids.map(userOf))).toEqual(pids.map(() => account?.uid ?? userInfo().uid));
  });
});

describe('startPostgres', () => {
  test('when program and data lie below a folder that only its owner may enter, then it works there', async () => {
    const binDir = await copyOfBinaries();
    await chmod(dir, 0o700);
    const server = await startPostgres({ dataDir: join(dir, 'data'), binDir, durable: false });
    stops.push(() => server.stop());
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('when binDir holds no PostgreSQL, then the error names the folder and what is missing', async () => {
    await expect(startPostgres({ dataDir: dir, binDir: dir })).rejects.toThrow(
      `no PostgreSQL in ${dir}: ${join(dir, 'initdb')} is missing`,
    );
  });

  test('when the port is taken, then the error says so', async () => {
    const port = await occupiedPort();
    await expect(startPostgres({ dataDir: await copyOfPrepared(), port, durable: false, ...bin() })).rejects.toThrow(
      'Address already in use',
    );
  });

  test('when initdb was cut off half-way, then the next start begins anew', async () => {
    await mkdir(join(dir, 'cluster.draft-0000', 'data', 'base'), { recursive: true });
    await writeFile(join(dir, 'password'), 'of the lost draft\n');
    const server = await startPostgres({ dataDir: dir, durable: false, ...bin() });
    stops.push(() => server.stop());
    expect(await query(server.url, 'SELECT current_user::text AS name')).toEqual([{ name: 'sluice' }]);
    expect(await readdir(dir)).not.toContain('cluster.draft-0000');
  });

  test('when the pid in a stale postmaster.pid now belongs to another program, then it starts', async () => {
    const dataDir = await copyOfPrepared();
    const stale = join(dataDir, 'cluster', 'postmaster.pid');
    await writeFile(stale, `${String(process.pid)}\n${join(dataDir, 'cluster')}\n`);
    const owner = await stat(join(dataDir, 'cluster'));
    await chown(stale, owner.uid, owner.gid);
    const server = await startPostgres({ dataDir, durable: false, ...bin() });
    await server.stop();
  });

  test('when the data belong to another major version, then it says so and leaves them alone', async () => {
    const dataDir = await copyOfPrepared();
    await writeFile(join(dataDir, 'cluster', 'PG_VERSION'), '9\n');
    await expect(startPostgres({ dataDir, ...bin() })).rejects.toThrow(
      `the data in ${dataDir} belong to PostgreSQL 9, not`,
    );
  });
});

describe('startRedis', () => {
  test('when the folder has a space in its name, then data survive a restart there too', async () => {
    const dataDir = join(dir, 'with a space');
    const first = await startRedis({ dataDir });
    await redisOf(first.url, (redis) => redis.set('note', 'kept'));
    await first.stop();
    const second = await startRedis({ dataDir, port: first.port });
    stops.push(() => second.stop());
    expect(second.url).toBe(first.url);
    expect(await redisOf(second.url, (redis) => redis.get('note'))).toBe('kept');
  });

  test('when more arguments are given, then they win', async () => {
    const server = await startRedis({ dataDir: dir, args: ['--appendfsync', 'no', '--cluster-enabled', 'yes'] });
    stops.push(() => server.stop());
    expect(await redisOf(server.url, (redis) => redis.config('GET', 'appendfsync'))).toEqual(['appendfsync', 'no']);
    expect(await redisOf(server.url, (redis) => redis.cluster('INFO'))).toContain('cluster_state');
  });

  test('when another Redis has the port, then it is not taken for ours', async () => {
    const other = await startRedis({ dataDir: join(dir, 'other') });
    stops.push(() => other.stop());
    await expect(startRedis({ dataDir: join(dir, 'ours'), port: other.port })).rejects.toThrow(
      'Address already in use',
    );
  });

  test('when the port is taken by somebody who never answers, then the error says so', async () => {
    const port = await occupiedPort();
    await expect(startRedis({ dataDir: dir, port })).rejects.toThrow('Address already in use');
  });

  test('when the server is killed, then ended tells and stop has nothing to do', async () => {
    const server = await startRedis({ dataDir: dir });
    process.kill(server.pid, 'SIGKILL');
    await server.ended;
    await server.stop();
  });
});

describe('lockDataDir', () => {
  test('when this process has the lock, then a second taker is refused with its pid', async () => {
    const lock = await lockDataDir(dir);
    await expect(lockDataDir(dir)).rejects.toThrow(AlreadyRunning);
    await expect(lockDataDir(dir)).rejects.toThrow(`one is already running (pid ${String(process.pid)})`);
    await lock.release();
  });

  test('when the lock was released, then it can be taken again', async () => {
    for (let round = 0; round < 3; round += 1) await (await lockDataDir(dir)).release();
    expect(await readdir(dir)).toEqual(['lock.3']);
  });

  test('when another process has the lock, then it is refused until that process is killed', async () => {
    const { child, pids } = await spawnServers();
    await expect(lockDataDir(dir)).rejects.toThrow(`pid ${String(child.pid)}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await lockDataDir(dir)).release();
    await until(() => areGone(pids), { timeoutMs: 10_000 });
  });

  test.each([
    ['of a process that is gone', { pid: NO_PROCESS, mark: 'x' }],
    ['whose pid now belongs to a later process', { pid: process.pid, mark: 'an earlier start' }],
  ])('when there is a lock %s, then it is taken over', async (_which, claim) => {
    await writeFile(join(dir, 'lock.7'), JSON.stringify({ ...claim, released: false }));
    await (await lockDataDir(dir)).release();
    expect(await readdir(dir)).toEqual(['lock.8']);
  });

  test('when a lock file is cut off, then it is taken over', async () => {
    await writeFile(join(dir, 'lock.1'), '{"pid":');
    await (await lockDataDir(dir)).release();
  });

  test('when many race for a stale lock, then exactly one gets it', async () => {
    for (let round = 0; round < 20; round += 1) {
      const folder = join(dir, String(round));
      await mkdir(folder);
      await writeFile(join(folder, 'lock.1'), JSON.stringify({ pid: NO_PROCESS, mark: 'x', released: false }));
      const results = await Promise.allSettled(Array.from({ length: 20 }, () => lockDataDir(folder)));
      expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    }
  });
});

test('when a free port is asked for, then it lies below the ephemeral range', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, () => freePort()));
  expect(Math.min(...ports)).toBeGreaterThanOrEqual(10_240);
  expect(Math.max(...ports)).toBeLessThan(32_768);
});

const LC_COLLATE = '(SELECT datcollate FROM pg_database WHERE datname = current_database())::text AS lc_collate';

function bin(): { binDir?: string } {
  return BIN_DIR === undefined ? {} : { binDir: BIN_DIR };
}

/** A folder of a PostgreSQL that has been started before, for `startPostgres`. */
async function copyOfPrepared(): Promise<string> {
  const folder = join(dir, 'postgres');
  if (!(await readdir(dir)).includes('postgres')) await run('cp', ['-a', prepared, folder]);
  return folder;
}

async function start(): Promise<EmbeddedServers> {
  await copyOfPrepared();
  const servers = await startServers({ dataDir: dir, ...(BIN_DIR !== undefined && { postgresBinDir: BIN_DIR }) });
  stops.push(() => servers.stop());
  return servers;
}

interface SpawnedServers {
  child: ChildProcess;
  databaseUrl: string;
  redisUrl: string;
  pids: number[];
}

async function spawnServers({
  dataDir = dir,
  binDir = BIN_DIR,
  account = null,
}: {
  dataDir?: string;
  binDir?: string | undefined;
  account?: { uid: number; gid: number } | null;
} = {}): Promise<SpawnedServers> {
  const args = [
    '--import',
    LOADER,
    RUN_SERVERS,
    dataDir,
    binDir ?? '',
    ...(account ? [String(account.uid), String(account.gid)] : []),
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error('run-servers.ts ended early; see its output above'))),
  ])) as [string];
  return { child, ...(JSON.parse(line) as Omit<SpawnedServers, 'child'>) };
}

async function areGone(pids: number[]): Promise<boolean> {
  const marks = await Promise.all(pids.map(startMark));
  return marks.every((mark) => mark === null);
}

async function parentOf(pid: number): Promise<number> {
  return Number(await ps(pid, 'ppid'));
}

async function groupOf(pid: number): Promise<number> {
  return Number(await ps(pid, 'pgid'));
}

async function userOf(pid: number): Promise<number> {
  return Number(await ps(pid, 'uid'));
}

async function ps(pid: number, field: string): Promise<string> {
  const { stdout } = await run('ps', ['-o', `${field}=`, '-p', String(pid)]);
  return stdout.trim();
}

async function nobody(): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

/** The npm package's binaries in a folder of the test, which every user may enter: the project may lie in one that only root may. */
async function copyOfBinaries(): Promise<string> {
  const { postgres } = await postgresBinaries();
  const copy = join(dir, 'native');
  await cp(join(postgres, '..', '..'), copy, { recursive: true, verbatimSymlinks: true });
  await run('chmod', ['-R', 'a+rX', copy]);
  return join(copy, 'bin');
}

/** A port with a listener that accepts and never says a word. */
async function occupiedPort(): Promise<number> {
  const port = await freePort();
  const connections: Socket[] = [];
  const occupier = createServer((connection) => connections.push(connection)).listen(port, '127.0.0.1');
  await once(occupier, 'listening');
  stops.push(async () => {
    for (const connection of connections) connection.destroy();
    occupier.close();
    await once(occupier, 'close');
  });
  return port;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows;
  } finally {
    await client.end();
  }
}

async function redisOf<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}
