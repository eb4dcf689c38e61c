import type { Redis } from 'ioredis';
import { Config, readConfig, type DurabilityMode } from '../../src/config/index.js';
import { OrderBatches, OrderIntake } from '../../src/orders/index.js';
import { AdminQueries, Database } from '../../src/postgres/index.js';
import { Queues, type OrdersJob } from '../../src/queue/index.js';
import { ChangeFeed, Durability, RedisServer, type Script } from '../../src/redis/index.js';
import type { TestServers } from '../support/servers.js';
import { until } from '../support/until.js';
import { Life } from './life.js';

const ignore = (): void => undefined;

/** Production's connections to Redis, which the life counts and cuts. */
class MortalRedis extends RedisServer {
  constructor(
    url: string,
    private readonly life: Life,
  ) {
    super([url], ignore);
    life.adoptRedis(this.client as Redis);
  }

  override run<Outcome>(script: Script<Outcome>, ...rest: [string, readonly (string | number)[], string[]?]) {
    return this.life.named(script.name, () => super.run(script, ...rest));
  }

  override forQueue(use: 'producer' | 'worker'): Redis {
    const client = super.forQueue(use) as Redis;
    this.life.adoptRedis(client);
    return client;
  }
}

type Part<T> = abstract new (...args: never[]) => T;

/** One process of Sluice, put together by the types of its constructors as Nest does it, without HTTP and without timers. */
export class MortalProcess {
  readonly life = new Life();
  private readonly redis: MortalRedis;
  private readonly database: Database;
  private readonly queues: Queues;
  private readonly parts: Map<unknown, unknown>;

  private constructor({ redisUrl, databaseUrl }: TestServers) {
    this.redis = new MortalRedis(redisUrl, this.life);
    this.database = new Database(databaseUrl, ignore);
    this.life.adoptPostgres(this.database.pool);
    this.queues = new Queues(this.redis, ignore);
    const config = readConfig({
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      ADMIN_API_KEYS: `nobody:${'0'.repeat(24)}`,
      BUYER_JWT_SECRET: '0'.repeat(32),
    });
    this.parts = new Map<unknown, unknown>([
      [Config, config],
      [Database, this.database],
      [AdminQueries, new AdminQueries(this.database)],
      [RedisServer, this.redis],
      [Durability, new Durability(this.redis, { kind: 'server' })],
      // never opened: no scenario needs to hear what others change, and no crash point is in it
      [ChangeFeed, new ChangeFeed(this.redis)],
      [Queues, this.queues],
    ]);
  }

  /** @returns the process once its connections stand */
  static async start(servers: TestServers): Promise<MortalProcess> {
    const started = new MortalProcess(servers);
    const isQueueOpen = (): Promise<boolean> => started.queues.oldestOrdersJobAt().then(() => true);
    const connected = started.database.rows({ name: 'connect', text: 'SELECT 1' });
    await Promise.all([connected, started.redis.open(), until(isQueueOpen, { intervalMs: 1 })]);
    return started;
  }

  /** What a purchase waits for from here on. To be called before any part is taken. */
  configure(durability: DurabilityMode): void {
    this.parts.set(Durability, new Durability(this.redis, durability));
  }

  get<T>(part: Part<T>): T {
    const known = this.parts.get(part);
    if (known !== undefined) return known as T;
    const needs = (Reflect.getMetadata('design:paramtypes', part) ?? []) as Part<unknown>[];
    const Concrete = part as unknown as new (...args: unknown[]) => T;
    const made = new Concrete(...needs.map((need) => this.get(need)));
    this.parts.set(part, made);
    return made;
  }

  /** Does one job, as the worker role does. */
  work(job: OrdersJob): Promise<void> {
    return this.get(OrderBatches).write(job.saleId, job.orderIds, job);
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.get(OrderIntake).flush();
    await this.queues.close();
    this.redis.close();
    await this.database.close();
  }
}
