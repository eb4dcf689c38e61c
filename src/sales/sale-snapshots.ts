import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { isId, notFound, unavailable, type Sale } from '../domain/index.js';
import { ChangeFeed, RedisServer, saleChannel } from '../redis/index.js';
import { SaleRepository } from './sale.repository.js';

/** Looked up again after this long, in the background: nobody waits for Postgres. */
const ttlMs = 1000;
/** Too old to be told, where nobody asked for so long or Postgres is down. */
const maxStaleMs = 60_000;
const maxSales = 1000;
/** A sale that nobody asked for within so long is none that buyers crowd into. */
const recentMs = 10_000;

/**
 * This node's own copy of sales, misses included: one loader a sale at a time, the others wait for it. A change is seen when
 * its message comes; where it was lost, a second later, and up to a minute later while Postgres is down. That is enough to
 * know prices and fields, which no longer change once a sale has been open; what may change `reserve` decides in Redis.
 */
@Injectable()
export class SaleSnapshots {
  private changes = 0;
  private readonly cache = new LRUCache<string, { readonly sale: Sale | null }>({
    max: maxSales,
    ttl: ttlMs,
    allowStale: true,
    allowStaleOnFetchRejection: true,
    noDeleteOnFetchRejection: true,
    ignoreFetchAbort: true,
    fetchMethod: (id) => this.load(id),
  });

  constructor(
    private readonly sales: SaleRepository,
    private readonly redis: RedisServer,
    feed: ChangeFeed,
  ) {
    feed.on(saleChannel, (id) => {
      this.forget(id);
    });
    feed.onGap(() => {
      this.changes += 1;
      this.cache.clear();
    });
  }

  /** A sale that buyers may see, where this node's copy is fresh; undefined: `get` knows. @throws DomainError `not_found` */
  fresh(id: string): Sale | undefined {
    if (this.cache.getRemainingTTL(id) <= 0) return undefined;
    const found = this.cache.peek(id);
    return found && visible(found.sale);
  }

  /** A sale that buyers may see. @throws DomainError `not_found` (also for a draft), `unavailable` */
  async get(id: string): Promise<Sale> {
    if (!isId(id)) throw notFound('sale');
    if (this.cache.getRemainingTTL(id) < -maxStaleMs) this.cache.delete(id);
    const found = await this.cache.fetch(id);
    // a failed load rejects only where `allowStaleOnFetchRejection` is off; with nothing stale to give it gives nothing
    if (found === undefined) throw unavailable(new Error(`sale ${id} could not be loaded`));
    return visible(found.sale);
  }

  /** Sales that buyers asked this node for within the last seconds. */
  recentIds(): string[] {
    const since = Date.now() - ttlMs - recentMs;
    // a dump has those that are being looked up again, too
    return this.cache
      .dump()
      .filter(([, { value, start = 0 }]) => start > since && value.sale !== null && value.sale.status !== 'draft')
      .map(([id]) => id);
  }

  /** Makes this node see a change at once, and tells the others; they see it within a second in any case. */
  async changed(id: string): Promise<void> {
    this.forget(id);
    await this.redis.call((client) => client.publish(saleChannel, id)).catch(() => undefined);
  }

  private forget(id: string): void {
    this.changes += 1;
    this.cache.delete(id);
  }

  /** Loads again where something changed meanwhile: what was read may be from before the change. */
  private async load(id: string): Promise<{ sale: Sale | null }> {
    for (;;) {
      const before = this.changes;
      const sale = await this.sales.find(id);
      if (before === this.changes) return { sale };
    }
  }
}

function visible(sale: Sale | null): Sale {
  if (sale === null || sale.status === 'draft') throw notFound('sale');
  return sale;
}
