import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { isId, notFound, recovering, type Order } from '../domain/index.js';
import { StockStore, type OutboxEntry } from '../inventory/index.js';
import { MendSales, SaleSnapshots } from '../sales/index.js';
import { ChangeFeed, RedisServer, saleChannel } from '../redis/index.js';
import { OrderChanges } from './order-changes.js';
import { OrderLookUps } from './order-look-ups.js';
import { OrderMarks, type OrderMark } from './order-marks.js';
import { OrderRepository, type OrderFilter } from './order.repository.js';
import { SharedReads } from './shared-reads.js';

/** Less than a mark lives; and what is erased from an order is told no longer. */
const copyTtlMs = 10_000;
const maxCopies = 5000;
/** An id that neither server has: so long it is not asked for again. Nobody knows an order's id before it exists. */
const missTtlMs = 5000;
const maxMisses = 50_000;
/** Orders that are read from Postgres at once for whoever wants all of them. */
const exportPart = 1000;

interface Copy {
  readonly order: Order;
  /** of the mark, read before the order was */
  readonly version: string | null;
}

/** Tells what has become of orders, wherever they are. What it tells of an order never runs backwards. */
@Injectable()
export class OrderReader implements BeforeApplicationShutdown {
  private stopping = false;
  /** orders as Postgres has them; a copy is told only after a look at its mark */
  private readonly copies = new LRUCache<string, Copy>({ max: maxCopies, ttl: copyTtlMs });
  private readonly misses = new LRUCache<string, true>({ max: maxMisses, ttl: missTtlMs });
  private readonly reads = new SharedReads<Order>();
  private readonly lookUps: OrderLookUps;

  constructor(
    private readonly stock: StockStore,
    private readonly orders: OrderRepository,
    private readonly changes: OrderChanges,
    private readonly sales: SaleSnapshots,
    private readonly mender: MendSales,
    private readonly marks: OrderMarks,
    private readonly redis: RedisServer,
    feed: ChangeFeed,
  ) {
    this.lookUps = new OrderLookUps(orders);
    const forget = (): void => {
      this.copies.clear();
      this.misses.clear();
    };
    // a sale that was reloaded may have lost its marks
    feed.on(saleChannel, forget);
    feed.onGap(forget);
  }

  /**
   * The order as it is now. `queued` for as long as it is in an outbox that can be trusted, whatever Postgres has; where Redis may
   * be a server that was replaced, only if Postgres does not have it.
   * @throws DomainError `not_found`; `recovering` where Redis cannot be trusted and Postgres does not have it; `unavailable`
   */
  async find(saleId: string, orderId: string): Promise<Order> {
    if (!isId(saleId) || !isId(orderId)) throw notFound('order');
    const key = `${saleId} ${orderId}`;
    if (this.misses.has(key)) throw notFound('order');
    return this.reads.get(key, () => this.read(saleId, orderId, key));
  }

  private async read(saleId: string, orderId: string, key: string): Promise<Order> {
    // In this order: an order leaves the outbox only after Postgres has it. Both of these go in one pipeline.
    const [{ entry, trusted }, mark] = await Promise.all([
      this.stock.peek(saleId, orderId),
      this.marks.read(saleId, orderId),
    ]);
    // asked after the answer: of the server that gave it, or of one that nothing is known of yet
    const isLast = trusted && !this.redis.mayBeReplaced;
    if (entry !== null && isLast) return queuedOrder(saleId, entry);
    const copy = this.copies.get(key);
    if (copy !== undefined && isLast && isCurrent(copy, mark)) return copy.order;
    const order = await this.lookUps.find(saleId, orderId);
    if (order === null) {
      if (!trusted) await this.checkArchived(saleId);
      else if (entry !== null) return queuedOrder(saleId, entry);
      // a server that was replaced does not know what its successor has taken
      if (!this.redis.mayBeReplaced) this.misses.set(key, true);
      throw notFound('order');
    }
    // Settled before it is told: Redis may come back to trust with the order still in its outbox.
    if (entry !== null) await this.stock.settle(saleId, [order]);
    else if (isLast && !mark.changing) this.copies.set(key, { order, version: mark.version });
    return order;
  }

  /**
   * Many orders of a sale as they are now, by one look at each server. `lost`: neither server has them, nor will.
   * What is in neither list cannot be told before the sale is well again. @throws DomainError `unavailable`
   */
  async findMany(saleId: string, orderIds: readonly string[]): Promise<{ found: Order[]; lost: string[] }> {
    // In this order, as in `read`.
    const { trusted, entries } = await this.stock.peekAll(saleId, orderIds);
    const isLast = trusted && !this.redis.mayBeReplaced;
    const inOutbox = entries.flatMap((entry) => (entry === null ? [] : [queuedOrder(saleId, entry)]));
    const wanted = isLast ? without(orderIds, inOutbox) : orderIds;
    const written = wanted.length === 0 ? [] : await this.orders.findMany(saleId, wanted);
    if (!isLast) await this.settleThoseIn(inOutbox, saleId, written);
    const ids = new Set(written.map(({ id }) => id));
    const queued = trusted ? inOutbox.filter(({ id }) => !ids.has(id)) : [];
    const others = without(orderIds, [...queued, ...written]);
    if (!trusted && others.length > 0) this.mender.notice(saleId);
    return { found: [...queued, ...written], lost: trusted ? others : [] };
  }

  /** A buyer's own order. @throws DomainError as `find`; `not_found` also for somebody else's */
  async findOwn(saleId: string, orderId: string, buyerId: string): Promise<Order> {
    const order = await this.find(saleId, orderId);
    if (order.buyerId !== buyerId) throw notFound('order');
    return order;
  }

  /** As `findOwn`, but not before the order has left the queue, or so many milliseconds went by. */
  async waitForOwn(
    saleId: string,
    orderId: string,
    buyerId: string,
    waitMs: number,
    gone: AbortSignal,
  ): Promise<Order> {
    const deadline = performance.now() + waitMs;
    for (;;) {
      const left = deadline - performance.now();
      // Registered before the read: a change in between wakes it.
      const change = this.changes.wait(orderId, Math.max(left, 0));
      gone.addEventListener('abort', change.stop, { once: true });
      try {
        const order = await this.findOwn(saleId, orderId, buyerId);
        if (order.status !== 'queued' || left <= 0 || this.stopping || gone.aborted) return order;
        await change.woken;
      } finally {
        change.stop();
        gone.removeEventListener('abort', change.stop);
      }
    }
  }

  /**
   * Orders of a sale, newest first, those older than `before` (an id); one more than `limit`. Queued ones are the outbox's.
   * @throws DomainError `recovering` where all that was asked for are queued ones, and Redis cannot be trusted with them
   */
  async list(saleId: string, filter: OrderFilter, before: string | null, limit: number): Promise<Order[]> {
    const { status, buyerId } = filter;
    if (status !== undefined && status !== 'queued') return this.orders.list(saleId, filter, before, limit + 1);
    const trusted = await this.stock.isTrusted(saleId);
    if (status === 'queued' && !trusted) {
      await this.checkArchived(saleId);
      return [];
    }
    const queued = await this.queued(saleId, buyerId, before, limit);
    // As in `find`: what Postgres has of an outbox that may be old is settled before it is told.
    const isLast = trusted && !this.redis.mayBeReplaced;
    if (status === 'queued') return isLast ? queued : this.unwritten(saleId, queued);
    const written = await this.orders.list(saleId, filter, before, limit + 1 + queued.length);
    if (!isLast) await this.settleThoseIn(queued, saleId, written);
    const [said, other] = isLast ? [queued, written] : [written, queued];
    const ids = new Set(said.map(({ id }) => id));
    return [...said, ...other.filter(({ id }) => !ids.has(id))]
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, limit + 1);
  }

  /**
   * Every order of a sale, in parts: those that are queued first, then those of Postgres, newest first. An order that leaves the
   * queue meanwhile comes once. Parts may be empty.
   * @throws DomainError `recovering` where queued ones are asked for, and Redis cannot be trusted with them; `unavailable`
   */
  async *all(saleId: string, filter: OrderFilter): AsyncGenerator<Order[]> {
    const { status, buyerId } = filter;
    const queued = new Set<string>();
    if (status === undefined || status === 'queued') {
      if (!(await this.stock.isTrusted(saleId))) await this.checkArchived(saleId); // and then its outbox is empty
      for await (const { entries } of this.stock.outbox(saleId)) {
        const wanted = entries.filter((entry) => buyerId === undefined || entry.buyerId === buyerId);
        const inOutbox = wanted.map((entry) => queuedOrder(saleId, entry));
        const part = this.redis.mayBeReplaced ? await this.unwritten(saleId, inOutbox) : inOutbox;
        for (const { id } of part) queued.add(id);
        yield part;
      }
    }
    if (status === 'queued') return;
    for (let last: string | null = null, more = true; more;) {
      const part: Order[] = await this.orders.list(saleId, filter, last, exportPart);
      yield part.filter(({ id }) => !queued.has(id));
      last = part.at(-1)?.id ?? null;
      more = part.length === exportPart;
    }
  }

  /** A node that stops lets waiting buyers go with what is known. */
  beforeApplicationShutdown(): void {
    this.stopping = true;
    this.changes.wakeAll();
  }

  /**
   * Redis cannot be trusted with the sale: it may have lost what Postgres does not have yet, unless the sale is archived and
   * nothing is queued. @throws DomainError `recovering`: it is not; `not_found`: there is no such sale
   */
  private async checkArchived(saleId: string): Promise<void> {
    if ((await this.sales.get(saleId)).archivedAt !== null) return;
    this.mender.notice(saleId);
    throw recovering();
  }

  /** Those of an outbox's orders that Postgres does not have. @throws DomainError `unavailable` */
  private async unwritten(saleId: string, queued: readonly Order[]): Promise<Order[]> {
    if (queued.length === 0) return [];
    const ids = queued.map(({ id }) => id);
    const written = await this.orders.findMany(saleId, ids);
    await this.settleThoseIn(queued, saleId, written);
    const unwritten = new Set(without(ids, written));
    return queued.filter(({ id }) => unwritten.has(id));
  }

  /** Before they are told: Redis may come back to trust with orders still in its outbox. */
  private async settleThoseIn(outbox: readonly Order[], saleId: string, written: readonly Order[]): Promise<void> {
    const queued = new Set(outbox.map(({ id }) => id));
    const unsettled = written.filter(({ id }) => queued.has(id));
    if (unsettled.length > 0) await this.stock.settle(saleId, unsettled);
  }

  private async queued(
    saleId: string,
    buyerId: string | undefined,
    before: string | null,
    limit: number,
  ): Promise<Order[]> {
    const entries: OutboxEntry[] = [];
    if (buyerId !== undefined) {
      entries.push(...(await this.stock.entriesOf(saleId, buyerId)));
    } else {
      const ids: string[] = [];
      for await (const part of this.stock.outboxIds(saleId)) ids.push(...part);
      const page = ids.filter((id) => before === null || id < before).sort();
      entries.push(...(await this.stock.entries(saleId, page.slice(-limit - 1))));
    }
    return entries
      .filter(({ id }) => before === null || id < before)
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, limit + 1)
      .map((entry) => queuedOrder(saleId, entry));
  }
}

/** A mark that has expired outlived every copy that was older than its change. */
function isCurrent({ version }: Copy, mark: OrderMark): boolean {
  return !mark.changing && (mark.version === null || mark.version === version);
}

function without(ids: readonly string[], orders: readonly Order[]): string[] {
  const known = new Set(orders.map(({ id }) => id));
  return ids.filter((id) => !known.has(id));
}

/** An order of the outbox as its buyer sees it. */
export function queuedOrder(saleId: string, entry: OutboxEntry): Order {
  const { id, buyerId, items, totalMinor, currency, answers, takenAt } = entry;
  return {
    id,
    saleId,
    buyerId,
    status: 'queued',
    items,
    totalMinor,
    currency,
    answers,
    createdAt: takenAt,
    updatedAt: takenAt,
  };
}
