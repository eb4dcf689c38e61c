import { LRUCache } from 'lru-cache';
import { askOfSales, type StockStore } from '../inventory/index.js';
import type { DeadLetterRepository } from './dead-letter.repository.js';

/** More dead letters than this in one sale hide how old the others are. */
const maxSkipped = 1000;
/** How often Postgres is asked, at the most, which old orders are dead letters. */
const askEveryMs = 1000;
const maxSales = 10_000;
/** How much a new reading of the drain rate weighs: about the last two seconds count. */
const weight = 0.2;

interface Watched {
  /** at the last look, by Redis's clock */
  atMs: number;
  orders: number;
  /** smoothed; undefined: before anybody knows */
  rate: number | undefined;
  dead: ReadonlySet<string>;
  askedAtMs: number;
}

/** An outbox, or some of them together. */
export interface OutboxFigures {
  readonly orders: number;
  /** how long the oldest order has been waiting that is no dead letter, in ms */
  readonly oldestMs: number;
  /** orders a second that leave while there are any, smoothed; 0 also before anybody knows */
  readonly drainedPerSecond: number;
}

interface Look extends OutboxFigures {
  /** orders a second since the last look; null: there was nothing to drain */
  readonly drained: number | null;
}

/**
 * Looks at outboxes again and again, one cheap script a sale. Dead letters stay in the outbox until an admin comes, so they
 * count as orders but not as delay.
 */
export class OutboxWatch {
  private readonly watched = new LRUCache<string, Watched>({ max: maxSales });
  private rate: number | undefined;

  constructor(
    private readonly stock: StockStore,
    private readonly deadLetters: DeadLetterRepository,
  ) {}

  /**
   * @param suspiciousMs an order that waits for longer may be a dead letter
   * @returns the outboxes together, and each of them. @throws DomainError `unavailable`
   */
  async look(
    saleIds: readonly string[],
    suspiciousMs: number,
  ): Promise<OutboxFigures & { readonly sales: ReadonlyMap<string, OutboxFigures> }> {
    const looks = await askOfSales(saleIds, (id) => this.lookAt(id, suspiciousMs));
    // an empty outbox says nothing of how fast a full one would drain
    const drains = looks.flatMap(({ drained }) => drained ?? []);
    if (drains.length > 0)
      this.rate = smoothed(
        this.rate,
        drains.reduce((sum, rate) => sum + rate, 0),
      );
    return {
      orders: looks.reduce((sum, { orders }) => sum + orders, 0),
      oldestMs: looks.reduce((most, { oldestMs }) => Math.max(most, oldestMs), 0),
      drainedPerSecond: this.rate ?? 0,
      sales: new Map(looks.map((look, i) => [saleIds[i] ?? '', look])),
    };
  }

  private async lookAt(saleId: string, suspiciousMs: number): Promise<Look> {
    const watched = this.watched.get(saleId) ?? newlyWatched();
    this.watched.set(saleId, watched);
    const { dead, atMs: lastMs, orders: before } = watched;
    const seen = await this.stock.backlog(saleId, lastMs, Math.min(dead.size, maxSkipped) + 1);
    const oldest = seen.oldest.find(({ orderId }) => !dead.has(orderId));
    const oldestMs = oldest === undefined ? 0 : Math.max(0, seen.nowMs - oldest.takenAtMs);
    const seconds = (seen.nowMs - lastMs) / 1000;
    const drained = before > 0 && seconds > 0 ? Math.max(0, before - seen.takenBefore) / seconds : null;
    watched.atMs = seen.nowMs;
    watched.orders = seen.orders;
    if (drained !== null) watched.rate = smoothed(watched.rate, drained);
    if (oldestMs > suspiciousMs && performance.now() - watched.askedAtMs > askEveryMs) {
      watched.askedAtMs = performance.now();
      this.askForDead(saleId, watched);
    }
    return { orders: seen.orders, oldestMs, drained, drainedPerSecond: watched.rate ?? 0 };
  }

  /** In the background: Postgres may be what everybody waits for. */
  private askForDead(saleId: string, watched: Watched): void {
    this.deadLetters.deadOf(saleId).then(
      (dead) => {
        watched.dead = dead;
      },
      () => undefined, // asked again soon
    );
  }
}

function newlyWatched(): Watched {
  return { atMs: 0, orders: 0, rate: undefined, dead: new Set(), askedAtMs: -Infinity };
}

function smoothed(before: number | undefined, now: number): number {
  return before === undefined ? now : before + weight * (now - before);
}
