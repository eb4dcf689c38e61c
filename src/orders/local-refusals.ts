import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Sale } from '../domain/index.js';
import type { ReserveOutcome } from '../inventory/index.js';
import { ChangeFeed, stockChannel } from '../redis/index.js';

type Refusal = Extract<ReserveOutcome, { kind: 'closed' | 'paused' | 'not-open' | 'sold-out' }>;

interface Items {
  readonly items: readonly { readonly ticketTypeId: string; readonly quantity: number }[];
}

interface Remembered {
  /** this node's copy of the sale, to which the refusals belong */
  readonly copy: Sale;
  /** why the whole sale refuses */
  sale?: { readonly refusal: Refusal; readonly untilMs: number };
  /** by ticket type: a quantity that was too many */
  readonly lacking: Map<string, { readonly quantity: number; readonly untilMs: number }>;
}

/** Stock that came back is seen after this long even where its message was lost. */
const rememberMs = 1000;
const maxSales = 1000;

/**
 * What Redis refused a moment ago, so that a node answers the same again by itself: in a sale that is sold out nearly every
 * request. It belongs to the node's copy of the sale and goes with it, so a change of the sale is heeded at once; and it
 * goes when stock comes back.
 */
@Injectable()
export class LocalRefusals {
  private readonly remembered = new LRUCache<string, Remembered>({ max: maxSales });

  constructor(feed: ChangeFeed) {
    feed.on(stockChannel, (saleId) => {
      this.forget(saleId);
    });
    feed.onGap(() => {
      this.remembered.clear();
    });
  }

  /** Stock of the sale came back. */
  forget(saleId: string): void {
    this.remembered.delete(saleId);
  }

  /** The refusal that a purchase would meet; null: ask Redis. */
  find(sale: Sale, { items }: Items): Refusal | null {
    if (sale.status === 'closed') return { kind: 'closed' };
    const known = this.remembered.get(sale.id);
    if (known?.copy !== sale) return null;
    const nowMs = performance.now();
    if (known.sale !== undefined && nowMs < known.sale.untilMs) return known.sale.refusal;
    const ticketTypeIds = items
      .filter(({ ticketTypeId, quantity }) => {
        const lacking = known.lacking.get(ticketTypeId);
        return lacking !== undefined && nowMs < lacking.untilMs && quantity >= lacking.quantity;
      })
      .map(({ ticketTypeId }) => ticketTypeId);
    return ticketTypeIds.length > 0 ? { kind: 'sold-out', ticketTypeIds } : null;
  }

  /** Remembers what Redis said to a purchase, if it would say the same to others. */
  note(sale: Sale, { items }: Items, outcome: ReserveOutcome): void {
    const untilMs = performance.now() + rememberMs;
    switch (outcome.kind) {
      case 'closed':
      case 'paused':
        this.of(sale).sale = { refusal: outcome, untilMs };
        return;
      case 'not-open':
        // not a moment longer than until it opens
        this.of(sale).sale = { refusal: outcome, untilMs: Math.min(untilMs, performance.now() + outcome.opensInMs) };
        return;
      case 'sold-out':
        for (const { ticketTypeId, quantity } of items) {
          if (outcome.ticketTypeIds.includes(ticketTypeId))
            this.of(sale).lacking.set(ticketTypeId, { quantity, untilMs });
        }
        return;
      default: // holds for this buyer, or for this moment
    }
  }

  private of(sale: Sale): Remembered {
    let known = this.remembered.get(sale.id);
    if (known?.copy !== sale) this.remembered.set(sale.id, (known = { copy: sale, lacking: new Map() }));
    return known;
  }
}
