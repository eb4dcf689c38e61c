import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { isId, notFound, type Sale } from '../domain/index.js';
import { ChangeFeed, RedisServer, saleChannel } from '../redis/index.js';
import { SaleRepository } from './sale.repository.js';

/** Looked up again after this long, in the background: nobody waits for Postgres. */
const ttlMs = 1000;
/** Too old to be told, where nobody asked for so long or Postgres is down. */
const maxStaleMs = 60_000;
const maxSales = 1000;
/** A sale that nobody asked for within so long is none that buyers crowd into. */
const recentMs = 10_000;
/** Ids without a sale; apart, so that guesses push out no sale. */
const maxMisses = 10_000;
const missTtlMs = 1000;

interface Copy {
  readonly sale: Sale;
  readonly atMs: number;
}

interface Loader {
  readonly loaded: Promise<Sale | null>;
  /** outdated: the sale changed meanwhile, and what was read may be from before the change */
  readonly state: { outdated: boolean };
}

/**
 * This node's own copy of sales, misses included: one loader a sale at a time, the others wait for it. A change is seen when
 * its message comes; where it was lost, a second later, and up to a minute later while Postgres is down. That is enough to
 * know prices and fields, which no longer change once a sale has been open; what may change `reserve` decides in Redis.
 */
@Injectable()
export class SaleSnapshots {
  private readonly copies = new LRUCache<string, Copy>({ max: maxSales });
  private readonly misses = new LRUCache<string, true>({ max: maxMisses, ttl: missTtlMs });
  private readonly loaders = new Map<string, Loader>();

  constructor(
    private readonly sales: SaleRepository,
    private readonly redis: RedisServer,
    feed: ChangeFeed,
  ) {
    feed.on(saleChannel, (id) => {
      this.forget(id);
    });
    feed.onGap(() => {
      for (const { state } of this.loaders.values()) state.outdated = true;
      this.copies.clear();
      this.misses.clear();
    });
  }

  /** A sale that buyers may see, where this node's copy is fresh; undefined: `get` knows. @throws DomainError `not_found` */
  fresh(id: string): Sale | undefined {
    const copy = this.copies.get(id);
    return copy !== undefined && performance.now() - copy.atMs < ttlMs ? visible(copy.sale) : undefined;
  }

  /** A sale that buyers may see. @throws DomainError `not_found` (also for a draft), `unavailable` */
  async get(id: string): Promise<Sale> {
    if (!isId(id)) throw notFound('sale');
    const fresh = this.fresh(id);
    if (fresh !== undefined) return fresh;
    if (this.misses.has(id)) throw notFound('sale');
    const copy = this.copies.get(id);
    const loaded = this.load(id);
    if (copy === undefined || performance.now() - copy.atMs > ttlMs + maxStaleMs) return visible(await loaded);
    loaded.catch(() => undefined); // the next who asks tries again
    return visible(copy.sale);
  }

  /** Whether this node has a copy, however old. */
  knows(id: string): boolean {
    return this.copies.has(id);
  }

  /** Sales that buyers asked this node for within the last seconds. */
  recentIds(): string[] {
    const since = performance.now() - ttlMs - recentMs;
    return [...this.copies].filter(([, { sale, atMs }]) => atMs > since && sale.status !== 'draft').map(([id]) => id);
  }

  /** Makes this node see a change at once, and tells the others; they see it within a second in any case. */
  async changed(id: string): Promise<void> {
    this.forget(id);
    await this.redis.call((client) => client.publish(saleChannel, id)).catch(() => undefined);
  }

  private forget(id: string): void {
    const loader = this.loaders.get(id);
    if (loader !== undefined) loader.state.outdated = true;
    this.copies.delete(id);
    this.misses.delete(id);
  }

  /** Reads the sale, again where it changed meanwhile, and keeps what it found. Who comes while it does waits for the same. */
  private load(id: string): Promise<Sale | null> {
    const running = this.loaders.get(id);
    if (running !== undefined) return running.loaded;
    const state = { outdated: true };
    const read = async (): Promise<Sale | null> => {
      let sale: Sale | null = null;
      while (state.outdated) {
        state.outdated = false;
        sale = await this.sales.find(id);
      }
      this.keep(id, sale);
      return sale;
    };
    const loaded = read().finally(() => this.loaders.delete(id));
    this.loaders.set(id, { loaded, state });
    return loaded;
  }

  private keep(id: string, sale: Sale | null): void {
    if (sale === null) {
      this.copies.delete(id);
      this.misses.set(id, true);
    } else {
      this.copies.set(id, { sale, atMs: performance.now() });
    }
  }
}

function visible(sale: Sale | null): Sale {
  if (sale === null || sale.status === 'draft') throw notFound('sale');
  return sale;
}
