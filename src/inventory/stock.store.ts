import { Injectable } from '@nestjs/common';
import type { OrderStatus, SaleStatus } from '../domain/index.js';
import {
  orderChannel,
  RedisServer,
  saleKey,
  saleKeys,
  stampField,
  stockChannel,
  type SaleKey,
} from '../redis/index.js';
import { backlog, type Backlog } from './backlog.script.js';
import { change, type ChangeOutcome } from './change.script.js';
import { drop } from './drop.script.js';
import { fence } from './fence.script.js';
import { inspect, type Inspection } from './inspect.script.js';
import { load } from './load.script.js';
import { parseEntry, ticketsOf, withoutAnswers, type OutboxEntry, type QueuedOrder } from './outbox-entry.js';
import { peek, type Peeked } from './peek.script.js';
import { release, type ReleaseOutcome } from './release.script.js';
import { ReserveBatches } from './reserve-batches.js';
import type { ReserveOutcome } from './reserve.script.js';
import { rewrite } from './rewrite.script.js';
import { settle } from './settle.script.js';
import { StagedSale } from './staged-sale.js';

/** What Redis knows of a sale beside its stock: all that `reserve` decides by. */
export interface SaleFields {
  readonly status: SaleStatus;
  readonly opensAt: Date;
  readonly closesAt: Date;
  readonly maxPerBuyer: number;
}

/** What a load puts into Redis beside what was prepared. */
export interface LoadedSale {
  readonly fields: SaleFields;
  /** by ticket type: tickets that Postgres has not sold */
  readonly unsold: ReadonlyMap<string, number>;
  /** the number of the last batch of returns that Postgres has numbered: all up to it are counted */
  readonly returnBatch: number;
}

/** Stock of ended orders that comes back to Redis together. */
export interface ReturnBatch {
  /** the epoch of the load since which the orders ended */
  readonly loadedEpoch: number;
  /** counts the sale's batches */
  readonly number: number;
  readonly orders: readonly {
    readonly buyerId: string;
    readonly items: readonly { readonly ticketTypeId: string; readonly quantity: number }[];
  }[];
}

/** A buyer for whom stock is taken again that an order had given back. */
export interface StockClaim {
  readonly buyerId: string;
  readonly items: readonly { readonly ticketTypeId: string; readonly quantity: number }[];
  /** tickets that the buyer may have, these among them */
  readonly limit: number;
}

/** How many fields go into one command: about a millisecond of Redis's time. */
const chunkSize = 500;
/** Orders that one script settles: about two milliseconds. Redis serves others before the next. */
const settleChunkSize = 200;
/** No buyer is called so. */
const nobody: StockClaim = { buyerId: '', items: [], limit: 0 };
/**
 * The stock ledger in Redis. Each method is one script, atomic, over the keys of one sale; none of them decides more than
 * "Redis refuses": only Postgres sells. All throw DomainError `unavailable` where Redis does not answer, and may then
 * have taken effect.
 */
@Injectable()
export class StockStore {
  private readonly reserves: ReserveBatches;

  constructor(private readonly redis: RedisServer) {
    this.reserves = new ReserveBatches(redis);
  }

  /** Takes stock for an order. The same order id is safe to send again while the order is in the outbox. */
  reserve(saleId: string, order: QueuedOrder): Promise<ReserveOutcome> {
    return this.reserves.reserve(saleId, order);
  }

  /** Ends orders' time in the outbox once Postgres has them, and tells everyone. Safe to repeat, and to break off in the middle. */
  async settle(
    saleId: string,
    orders: readonly { readonly id: string; readonly status: OrderStatus }[],
  ): Promise<number> {
    let settled = 0;
    for (const part of chunks(orders, settleChunkSize)) {
      const pairs = part.flatMap(({ id, status }) => [id, status]);
      settled += await this.redis.run(settle, saleId, [orderChannel, saleId, stockChannel, ...pairs]);
    }
    return settled;
  }

  /** Gives the stock of a batch back, once. Safe to repeat; the batch before it must have been given back. */
  release(saleId: string, { loadedEpoch, number, orders }: ReturnBatch): Promise<ReleaseOutcome> {
    const types = new Map<string, number>();
    const buyers = new Map<string, number>();
    for (const order of orders) {
      for (const { ticketTypeId, quantity } of order.items) add(types, ticketTypeId, quantity);
      add(buyers, order.buyerId, ticketsOf(order));
    }
    const pairs = [...types, ...buyers].flat();
    return this.redis.run(release, saleId, [loadedEpoch, number, stockChannel, saleId, types.size, ...pairs]);
  }

  /** One order's outbox entry; null: it is not there. */
  async peek(saleId: string, orderId: string): Promise<{ entry: OutboxEntry | null; trusted: boolean }> {
    const { entries, trusted } = await this.redis.run(peek, saleId, [orderId]);
    return { entry: entries[0] ?? null, trusted };
  }

  /** Many orders' outbox entries, in their order. */
  async peekAll(saleId: string, orderIds: readonly string[]): Promise<Peeked> {
    const parts = await Promise.all(
      Array.from(chunks(orderIds, chunkSize), (ids) => this.redis.run(peek, saleId, ids)),
    );
    return { entries: parts.flatMap(({ entries }) => entries), trusted: parts.every(({ trusted }) => trusted) };
  }

  /** Whether the outbox can be trusted to hold every order that is queued, and none that is not. */
  async isTrusted(saleId: string): Promise<boolean> {
    return (await this.redis.run(peek, saleId, [])).trusted;
  }

  /**
   * How long the outbox is, how many of its orders were taken by `sinceMs`, and its oldest ones, so many at the most. Cheap: it may be
   * asked several times a second.
   */
  backlog(saleId: string, sinceMs: number, oldest: number): Promise<Backlog> {
    return this.redis.run(backlog, saleId, [sinceMs, oldest]);
  }

  /** The order that an idempotency field is bound to; null: none, or the key was lost. One plain read. */
  async boundOrder(saleId: string, field: string): Promise<{ orderId: string; bodyHash: string } | null> {
    const bound = await this.redis.call((client) => client.hget(saleKey(saleId, 'idem'), field));
    return bound === null ? null : { orderId: bound.slice(0, 36), bodyHash: bound.slice(36) };
  }

  /** The whole stock at one instant. */
  inspect(saleId: string): Promise<Inspection> {
    return this.redis.run(inspect, saleId, []);
  }

  /**
   * Moves a sale that is well from one epoch to the next, with new fields, stock that differs by so much, and what is taken
   * again for a buyer.
   */
  change(
    saleId: string,
    epochs: { readonly from: number; readonly to: number },
    fields: SaleFields,
    differences: ReadonlyMap<string, number>,
    claim: StockClaim = nobody,
  ): Promise<ChangeOutcome> {
    const pairs = fieldPairs(fields);
    return this.redis.run(change, saleId, [
      epochs.from,
      epochs.to,
      claim.buyerId,
      ticketsOf(claim),
      claim.limit,
      pairs.length / 2,
      ...pairs,
      ...[...differences].flat(),
      ...claim.items.flatMap(({ ticketTypeId, quantity }) => [ticketTypeId, -quantity]),
    ]);
  }

  /** Shuts `reserve` out until a load. `token` is of this attempt alone. */
  fence(saleId: string, token: string): Promise<void> {
    return this.redis.run(fence, saleId, [token]);
  }

  /** Takes orders that Postgres has out of a fenced sale's outbox. False: the fence is another's. */
  async drop(saleId: string, token: string, orderIds: readonly string[]): Promise<boolean> {
    for (const ids of chunks(orderIds, chunkSize)) {
      if (!(await this.redis.run(drop, saleId, [token, ...ids]))) return false;
    }
    return true;
  }

  /** What the reload behind this fence prepares; `epoch` is the one it leads to. */
  staged(saleId: string, token: string, epoch: number): StagedSale {
    return new StagedSale(this.redis, saleId, token, epoch);
  }

  /** Lets a fenced sale go on with what was prepared. False: the fence is another's or something was lost; begin again. */
  load(saleId: string, token: string, epoch: number, { fields, unsold, returnBatch }: LoadedSale): Promise<boolean> {
    const args = [token, epoch, unsold.size, ...[...unsold].flat(), ...fieldPairs(fields), 'batch', returnBatch];
    return this.redis.run(load, saleId, args, this.staged(saleId, token, epoch).keys);
  }

  /** Those of the orders that are in the outbox. */
  async entries(saleId: string, orderIds: readonly string[]): Promise<OutboxEntry[]> {
    if (orderIds.length === 0) return [];
    const found = await this.redis.call((client) => client.hmget(saleKey(saleId, 'queued'), ...orderIds));
    return found.flatMap((text) => (text === null ? [] : (tryParse(text) ?? [])));
  }

  /** A buyer's orders in the outbox. */
  async entriesOf(saleId: string, buyerId: string): Promise<OutboxEntry[]> {
    const ids = await this.redis.call((client) => client.hget(saleKey(saleId, 'queued-by'), buyerId));
    return this.entries(saleId, ids?.match(/.{36}/g) ?? []);
  }

  /** Whether a buyer has, or where Redis cannot be trusted may have, orders in the outbox. */
  async mayHold(saleId: string, buyerId: string): Promise<boolean> {
    const { sound, outboxSize } = await this.inspect(saleId);
    if (!sound) return true;
    return (
      outboxSize > 0 && (await this.redis.call((client) => client.hexists(saleKey(saleId, 'queued-by'), buyerId))) > 0
    );
  }

  /**
   * Leaves out of a buyer's entries in the outbox what he answered. Under the gate, held exclusively, or a worker may have
   * read them before. @returns how many
   */
  async eraseAnswers(saleId: string, buyerId: string): Promise<number> {
    const key = saleKey(saleId, 'queued');
    const changes: string[] = [];
    for (const id of await this.idsOf(saleId, buyerId)) {
      const text = await this.redis.call((client) => client.hget(key, id));
      const replacement = text === null || tryParse(text) === null ? null : withoutAnswers(text);
      if (text !== null && replacement !== null) changes.push(id, text, replacement);
    }
    let erased = 0;
    for (const part of chunks(changes, 3 * chunkSize)) erased += await this.redis.run(rewrite, saleId, part);
    return erased;
  }

  /** A buyer's orders in the outbox, by its index or, where that cannot be trusted, by looking at all. */
  private async idsOf(saleId: string, buyerId: string): Promise<string[]> {
    if ((await this.inspect(saleId)).sound) return (await this.entriesOf(saleId, buyerId)).map(({ id }) => id);
    const ids: string[] = [];
    for await (const { entries } of this.outbox(saleId)) {
      ids.push(...entries.filter((entry) => entry.buyerId === buyerId).map(({ id }) => id));
    }
    return ids;
  }

  /**
   * The whole outbox, in no order, in parts that never hold Redis up; an order that comes or goes meanwhile may be missed.
   * `broken`: ids of entries that nobody can read, which only a damaged Redis has. `as found`: an order may come twice, and then
   * nothing is remembered of those that came.
   */
  async *outbox(
    saleId: string,
    repeats: 'as found' | 'never' = 'never',
  ): AsyncGenerator<{ entries: OutboxEntry[]; broken: string[] }> {
    let cursor = '0';
    const seen = new Set<string>();
    do {
      const [next, flat] = await this.redis.call((client) =>
        client.hscan(saleKey(saleId, 'queued'), cursor, 'COUNT', chunkSize),
      );
      cursor = next;
      const entries: OutboxEntry[] = [];
      const broken: string[] = [];
      for (let i = 0; i + 1 < flat.length; i += 2) {
        const [id, text] = [flat[i], flat[i + 1]];
        if (id === undefined || text === undefined || id === stampField || seen.has(id)) continue;
        if (repeats === 'never') seen.add(id);
        const entry = tryParse(text);
        if (entry === null) broken.push(id);
        else entries.push(entry);
      }
      if (entries.length + broken.length > 0) yield { entries, broken };
    } while (cursor !== '0');
  }

  /** The ids of the whole outbox, in parts that never hold Redis up; an order that comes or goes meanwhile may be missed. */
  async *outboxIds(saleId: string): AsyncGenerator<string[]> {
    let cursor = '0';
    do {
      const [next, flat] = await this.redis.call((client) =>
        client.zscan(saleKey(saleId, 'queued-at'), cursor, 'COUNT', chunkSize),
      );
      cursor = next;
      const ids = flat.filter((_, index) => index % 2 === 0);
      if (ids.length > 0) yield ids;
    } while (cursor !== '0');
  }

  /** A page of the orders that were taken in that time, both ends included, oldest first. Skipping is work for Redis. */
  async queuedBetween(
    saleId: string,
    fromMs: number,
    toMs: number,
    skip: number,
    limit: number,
  ): Promise<{ readonly orderId: string; readonly takenAtMs: number }[]> {
    const flat = await this.redis.call((client) =>
      client.zrangebyscore(saleKey(saleId, 'queued-at'), fromMs, toMs, 'WITHSCORES', 'LIMIT', skip, limit),
    );
    return Array.from(chunks(flat, 2), ([orderId = '', takenAt]) => ({ orderId, takenAtMs: Number(takenAt) }));
  }

  /** Forgets a sale that was never open. */
  async remove(saleId: string): Promise<void> {
    await this.redis.call((client) => client.unlink(...saleKeys.map((key: SaleKey) => saleKey(saleId, key))));
  }
}

function tryParse(text: string): OutboxEntry | null {
  try {
    return parseEntry(text);
  } catch {
    return null;
  }
}

function fieldPairs(fields: SaleFields): (string | number)[] {
  return [
    'status',
    fields.status,
    'opensAt',
    fields.opensAt.getTime(),
    'closesAt',
    fields.closesAt.getTime(),
    'maxPerBuyer',
    fields.maxPerBuyer,
  ];
}

function add(counts: Map<string, number>, id: string, tickets: number): void {
  counts.set(id, (counts.get(id) ?? 0) + tickets);
}

function* chunks<T>(all: readonly T[], size: number): Generator<T[]> {
  for (let i = 0; i < all.length; i += size) yield all.slice(i, i + size);
}
