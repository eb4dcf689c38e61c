import type { Cluster, Redis } from 'ioredis';
import { stagedKey, stampField, type RedisServer } from '../redis/index.js';
import { stage } from './stage.script.js';

/** How many fields go into one command: about a millisecond of Redis's time. */
const fieldsPerCommand = 500;
/** Orders that one script counts: about two milliseconds. */
const ordersPerScript = 200;
/** What a reload prepared and did not use disappears after this long without another part. */
const ttlMs = 120_000;

/** What `load` renames into place, in its order. */
export const stagedParts = ['stock', 'buyers', 'queued-by', 'idem', 'queued-at'] as const;

/**
 * What a reload prepares beside the keys of a fenced sale, part by part, so that neither this process nor Redis ever holds or does
 * much at once, however large the sale is. Buyers and keys first, then the orders of the outbox, which add to them.
 * All throw DomainError `unavailable`.
 */
export class StagedSale {
  readonly keys: readonly string[];

  constructor(
    private readonly redis: RedisServer,
    private readonly saleId: string,
    /** of the fence */
    token: string,
    private readonly epoch: number,
  ) {
    this.keys = stagedParts.map((part) => stagedKey(saleId, token, part));
  }

  /** Begins with empty hashes at the epoch: a part that is lost later is not mistaken for an empty one. */
  async begin(): Promise<void> {
    await this.send((client) => this.keys.slice(0, -1).map((key) => client.hset(key, stampField, this.epoch)));
  }

  /** Tickets of buyers' reserved and confirmed orders. */
  buyers(page: readonly (readonly [buyerId: string, tickets: number])[]): Promise<void> {
    return this.fields('buyers', page);
  }

  /** Idempotency fields with the order and the body hash to which each is bound. */
  boundKeys(page: readonly (readonly [field: string, bound: string])[]): Promise<void> {
    return this.fields('idem', page);
  }

  /** Counts orders of the outbox that Postgres does not have. */
  async waiting(orderIds: readonly string[]): Promise<void> {
    const extraKeys = this.keys;
    for (let i = 0; i < orderIds.length; i += ordersPerScript) {
      await this.redis.run(stage, this.saleId, orderIds.slice(i, i + ordersPerScript), extraKeys);
    }
    await this.send(() => []);
  }

  /** Forgets what was prepared. */
  async discard(): Promise<void> {
    await this.redis.call((client) => client.unlink(...this.keys));
  }

  private fields(
    part: (typeof stagedParts)[number],
    page: readonly (readonly [string, string | number])[],
  ): Promise<void> {
    const key = this.keys[stagedParts.indexOf(part)] ?? '';
    return this.send((client) => {
      const commands: Promise<unknown>[] = [];
      for (let i = 0; i < page.length; i += fieldsPerCommand) {
        commands.push(client.hset(key, ...page.slice(i, i + fieldsPerCommand).flat()));
      }
      return commands;
    });
  }

  /** In one round trip; every part of what is prepared lives on for as long. */
  private async send(commands: (client: Redis | Cluster) => readonly Promise<unknown>[]): Promise<void> {
    await this.redis.call((client) =>
      Promise.all([...commands(client), ...this.keys.map((key) => client.pexpire(key, ttlMs))]),
    );
  }
}
