import { execFile } from 'node:child_process';
import { cp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import pg from 'pg';
import { freePort, startPostgres, startRedis, type EmbeddedServer } from '../../../src/embedded/index.js';
import { until } from '../../support/until.js';

const run = promisify(execFile);
const appendOnly = 'appendonlydir';
const copyAttempts = 5;
const recoveryTimeoutMs = 60_000;

/** On a busy machine a child of the one that was killed may still have its port. Nothing but a server that stays away ends the run. */
function insist(start: () => Promise<EmbeddedServer>): Promise<EmbeddedServer> {
  return until(start, { timeoutMs: recoveryTimeoutMs, intervalMs: 500 });
}

/** The two servers, durable ones on ports that stay, and what may be done to them: one thing at a time to each. */
export class Backends {
  private redisTurn: Promise<unknown> = Promise.resolve();
  private postgresTurn: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly redisDir: string,
    private readonly postgresDir: string,
    private redis: EmbeddedServer,
    private postgres: EmbeddedServer,
  ) {}

  static async start(dir: string): Promise<Backends> {
    const redisDir = join(dir, 'redis');
    const postgresDir = join(dir, 'postgres');
    const redis = await startRedis({ dataDir: redisDir, port: await freePort() });
    const postgres = await startPostgres({ dataDir: postgresDir, port: await freePort(), durable: true }).catch(
      async (error: unknown) => {
        await redis.stop();
        throw error;
      },
    );
    return new Backends(redisDir, postgresDir, redis, postgres);
  }

  /** Past all proxies. */
  get redisUrl(): string {
    return this.redis.url;
  }

  get databaseUrl(): string {
    return this.postgres.url;
  }

  get redisPort(): number {
    return this.redis.port;
  }

  get postgresPort(): number {
    return this.postgres.port;
  }

  killRedis(downMs: number): Promise<void> {
    return this.withRedis(async () => {
      await this.endRedis();
      await delay(downMs);
      await this.startRedis();
    });
  }

  /**
   * Gives Redis back the data that it has now, so many ms later. A part of the append-only file is the file of a moment ago.
   * @returns from when to when what Redis learned is forgotten, ms since 1970
   */
  restoreRedis(ageMs: number): Promise<{ from: number; to: number }> {
    return this.withRedis(async () => {
      const live = join(this.redisDir, appendOnly);
      const older = join(this.redisDir, 'older');
      const from = Date.now();
      await this.copyOf(live, older);
      await delay(ageMs);
      await this.endRedis();
      const to = Date.now();
      await rm(live, { recursive: true });
      await rename(older, live);
      await this.startRedis();
      return { from, to };
    });
  }

  freezeRedis(ms: number): Promise<void> {
    return this.withRedis(async () => {
      process.kill(this.redis.pid, 'SIGSTOP');
      await delay(ms);
      process.kill(this.redis.pid, 'SIGCONT');
    });
  }

  /** @returns when it was through, ms since 1970 */
  flushRedis(): Promise<number> {
    return this.withRedis(async () => {
      await this.ask((redis) => redis.flushall());
      return Date.now();
    });
  }

  /** @returns whether there was such a key */
  deleteKey(key: string): Promise<boolean> {
    return this.withRedis(async () => (await this.ask((redis) => redis.del(key))) === 1);
  }

  killPostgres(downMs: number): Promise<void> {
    return this.withPostgres(async () => {
      process.kill(this.postgres.pid, 'SIGKILL');
      await this.postgres.ended;
      await delay(downMs);
      await this.startPostgres();
    });
  }

  /** Kills one server process of PostgreSQL, for which the others have to go too; it is back at the end. False: there was none. */
  crashPostgres(): Promise<boolean> {
    return this.withPostgres(async () => {
      const victim = (await this.postgresProcesses()).find(({ name }) => name.includes('sluice sluice'));
      if (victim === undefined) return false;
      process.kill(victim.pid, 'SIGKILL');
      await until(() => this.takesConnections(), { timeoutMs: recoveryTimeoutMs });
      return true;
    });
  }

  freezePostgres(ms: number): Promise<void> {
    return this.withPostgres(async () => {
      await this.signalPostgres('SIGSTOP');
      await delay(ms);
      await this.signalPostgres('SIGCONT');
    });
  }

  async heal(): Promise<void> {
    process.kill(this.redis.pid, 'SIGCONT');
    await this.signalPostgres('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.heal().catch(() => undefined); // one of them may be gone
    await Promise.all([this.redis.stop(), this.postgres.stop()]);
  }

  private async endRedis(): Promise<void> {
    process.kill(this.redis.pid, 'SIGKILL');
    await this.redis.ended;
  }

  private async startRedis(): Promise<void> {
    const { port } = this.redis;
    this.redis = await insist(() => startRedis({ dataDir: this.redisDir, port }));
  }

  private async startPostgres(): Promise<void> {
    const { port } = this.postgres;
    this.postgres = await insist(() => startPostgres({ dataDir: this.postgresDir, port, durable: true }));
  }

  /** On a slow machine a restart takes longer than planned, and the next fault waits for it. */
  private withRedis<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.redisTurn.then(work);
    this.redisTurn = turn.catch(() => undefined);
    return turn;
  }

  private withPostgres<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.postgresTurn.then(work);
    this.postgresTurn = turn.catch(() => undefined);
    return turn;
  }

  /** Redis may put a new base in place meanwhile, and remove what was being copied: the manifest names the files. */
  private async copyOf(from: string, to: string): Promise<void> {
    const manifest = (): Promise<string> => readFile(join(from, 'appendonly.aof.manifest'), 'utf8');
    for (let attempt = 1; attempt <= copyAttempts; attempt++) {
      await rm(to, { recursive: true, force: true });
      const before = await manifest();
      const copied = await cp(from, to, { recursive: true }).then(
        () => true,
        () => false,
      );
      if (copied && before === (await manifest())) return;
    }
    throw new Error('the data of Redis do not hold still for a copy');
  }

  private async ask<T>(command: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.redis.url, { maxRetriesPerRequest: 1, commandTimeout: 5000 });
    redis.on('error', () => undefined); // the command fails too
    try {
      return await command(redis);
    } finally {
      redis.disconnect();
    }
  }

  private async takesConnections(): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.postgres.url, connectionTimeoutMillis: 1000 });
    client.on('error', () => undefined); // the query fails too
    await client.connect();
    await client.end();
    return true;
  }

  private async signalPostgres(signal: NodeJS.Signals): Promise<void> {
    process.kill(this.postgres.pid, signal);
    for (const { pid } of await this.postgresProcesses()) {
      try {
        process.kill(pid, signal);
      } catch {
        // it has ended
      }
    }
  }

  /** The children of the postmaster. */
  private async postgresProcesses(): Promise<{ pid: number; name: string }[]> {
    const { stdout } = await run('ps', ['-o', 'pid=,args=', '--ppid', String(this.postgres.pid)]).catch(() => ({
      stdout: '',
    }));
    return stdout
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => ({ pid: Number.parseInt(line, 10), name: line }));
  }
}
