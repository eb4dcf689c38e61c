import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { DomainError, Sale } from '../domain/index.js';
import { ChangeFeed, stockChannel } from '../redis/index.js';
import { refusal, type Refused } from './refusal.js';

interface Items {
  readonly items: readonly { readonly ticketTypeId: string; readonly quantity: number }[];
}

/** An answer that serves for many: made once, since a sold-out sale gives it thousands of times a second. */
interface Remembered {
  readonly refusal: DomainError;
  readonly untilMs: number;
}

interface Known {
  /** this node's copy of the sale, to which the refusals belong */
  readonly copy: Sale;
  /** why the whole sale refuses */
  sale?: Remembered;
  /** by ticket type: a quantity that was too many */
  readonly lacking: Map<string, Remembered & { readonly quantity: number }>;
}

const closed = refusal({ kind: 'closed' });
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
  private readonly remembered = new LRUCache<string, Known>({ max: maxSales });

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
  find(sale: Sale, { items }: Items): DomainError | null {
    if (sale.status === 'closed') return closed;
    const known = this.remembered.get(sale.id);
    if (known?.copy !== sale) return null;
    const nowMs = performance.now();
    if (known.sale !== undefined && nowMs < known.sale.untilMs) return known.sale.refusal;
    const lacking: string[] = [];
    let answer: DomainError | null = null;
    for (const { ticketTypeId, quantity } of items) {
      const found = known.lacking.get(ticketTypeId);
      if (found === undefined || nowMs >= found.untilMs || quantity < found.quantity) continue;
      lacking.push(ticketTypeId);
      answer = found.refusal;
    }
    return lacking.length > 1 ? refusal({ kind: 'sold-out', ticketTypeIds: lacking }) : answer;
  }

  /** Remembers what Redis said to a purchase, and what was answered, if it would say the same to others. */
  note(sale: Sale, { items }: Items, refused: Refused, answer: DomainError): void {
    const untilMs = performance.now() + rememberMs;
    switch (refused.kind) {
      case 'closed':
      case 'paused':
        this.of(sale).sale = { refusal: answer, untilMs };
        return;
      case 'not-open':
        // not a moment longer than until it opens
        this.of(sale).sale = { refusal: answer, untilMs: Math.min(untilMs, performance.now() + refused.opensInMs) };
        return;
      case 'sold-out':
        for (const { ticketTypeId, quantity } of items) {
          if (!refused.ticketTypeIds.includes(ticketTypeId)) continue;
          const alone = refusal({ kind: 'sold-out', ticketTypeIds: [ticketTypeId] });
          this.of(sale).lacking.set(ticketTypeId, { refusal: alone, quantity, untilMs });
        }
        return;
      default: // holds for this buyer, or for this moment
    }
  }

  private of(sale: Sale): Known {
    let known = this.remembered.get(sale.id);
    if (known?.copy !== sale) this.remembered.set(sale.id, (known = { copy: sale, lacking: new Map() }));
    return known;
  }
}
