import { types } from 'node:util';
import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { recovering } from '../domain/index.js';
import { askOfSales, doneBy, SaleVisits, StockStore, type Visited, type VisitKind } from '../inventory/index.js';
import { type Count, Metrics } from '../observability/index.js';
import { briefPatienceMs } from '../postgres/index.js';
import { ReloadSale } from './reload-sale.js';
import { SaleRepository } from './sale.repository.js';

/** A sale that has more orders, in Postgres or in the outbox, takes long to reload. */
const smallOrders = 20_000;
const small = { name: 'reload' };
/** In slots of their own: they let small ones pass. */
const large = { name: 'reload large', atOnce: 2 };
/** How long the reconciler waits for reloads, in ms; those that take longer go on in the background. */
const patienceMs = 1500;
/** How long a large sale that is left to the reconciler is not looked at again. */
const leftForMs = 1000;
/** The same cause is logged once in so long. */
const logEveryMs = 60_000;

/** Has sales reloaded that Redis may have wrong, a few at a time, each once at a time. */
@Injectable()
export class MendSales {
  private readonly logger = new Logger(MendSales.name);
  private readonly left = new LRUCache<string, true>({ max: 10_000, ttl: leftForMs });
  private readonly logged = new LRUCache<string, true>({ max: 100, ttl: logEveryMs });
  private readonly failed: Count;

  constructor(
    private readonly reload: ReloadSale,
    private readonly sales: SaleRepository,
    private readonly stock: StockStore,
    private readonly visits: SaleVisits,
    metrics: Metrics,
  ) {
    this.failed = metrics.counter({ name: 'reload_failures_total', help: 'Reloads that failed; they are tried again' });
  }

  /**
   * Waits for a moment; what takes longer goes on. @returns how many had to be reloaded, of those that ended since the last call
   * @throws SalesFailed where one failed; the others are through
   */
  async mendAll(saleIds: readonly string[]): Promise<number> {
    const mendOf = (kind: VisitKind, ids: readonly string[]): Promise<Visited> => {
      const mend = async (id: string): Promise<number> => ((await this.reload.mend(id, briefPatienceMs)) ? 1 : 0);
      return this.visits.run(kind, ids, (id) => this.telling(id, () => mend(id)), patienceMs);
    };
    const isLarge = await askOfSales(saleIds, (id) => this.isLarge(id).catch(() => false)); // to mend it fails, and tells why
    const both = await Promise.all([
      mendOf(
        small,
        saleIds.filter((_, i) => isLarge[i] === false),
      ),
      mendOf(
        large,
        saleIds.filter((_, i) => isLarge[i] === true),
      ),
    ]);
    return doneBy({
      done: both.reduce((sum, { done }) => sum + done, 0),
      failures: new Map(both.flatMap(({ failures }) => [...failures])),
    });
  }

  /**
   * For somebody who waits: mends a small sale now. @param patienceMs how long to wait for the gate
   * @throws DomainError `recovering` for a large one, which the reconciler mends; `unavailable`
   */
  async mendNow(saleId: string, patienceMs: number): Promise<void> {
    if (await this.isLarge(saleId)) throw recovering();
    await this.reload.mend(saleId, patienceMs);
  }

  /** Somebody met a sale that is recovering: a small one is mended now, a large one by the reconciler, which comes within a second. */
  notice(saleId: string): void {
    if (this.left.has(saleId)) return;
    this.visits.begin(small, saleId, async () => {
      // what fails has been told, and is noticed again by the next buyer and by the reconciler
      await this.telling(saleId, () => this.mendSmall(saleId)).catch(() => undefined);
      return 0;
    });
  }

  private async mendSmall(saleId: string): Promise<void> {
    if (await this.isLarge(saleId)) this.left.set(saleId, true);
    else await this.reload.mend(saleId, briefPatienceMs);
  }

  private async isLarge(saleId: string): Promise<boolean> {
    if (await this.sales.hasMoreOrders(saleId, smallOrders)) return true;
    return (await this.stock.inspect(saleId)).outboxSize > smallOrders;
  }

  private async telling<T>(saleId: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.failed.add();
      const cause = types.isNativeError(error) ? error.message : String(error);
      if (!this.logged.has(cause)) this.logger.warn({ msg: 'a sale could not be reloaded', saleId, err: error });
      this.logged.set(cause, true);
      throw error;
    }
  }
}
