import type { Answers, OrderItem } from '../domain/index.js';

/** What the API node writes into the outbox: all that Postgres will ever know of the purchase. */
export interface QueuedOrder {
  readonly id: string;
  readonly buyerId: string;
  readonly items: readonly OrderItem[];
  readonly totalMinor: number;
  readonly currency: string;
  readonly answers: Answers;
  /** hash of buyer and idempotency key, and of the body; absent without a key */
  readonly idempotency?: string;
  readonly bodyHash?: string;
}

/** An order in the outbox, with what `reserve` added. */
export interface OutboxEntry extends QueuedOrder {
  /** by Redis's clock */
  readonly takenAt: Date;
  /** the sale's `maxPerBuyer` when the order was accepted: lowering it binds later orders only */
  readonly maxPerBuyer: number;
}

/** Reads `takenAtMs maxPerBuyer JSON`. @throws Error on anything else */
export function parseEntry(text: string): OutboxEntry {
  const first = text.indexOf(' ');
  const second = text.indexOf(' ', first + 1);
  if (first < 1 || second < 0) throw new Error('outbox: not an entry');
  const order = JSON.parse(text.slice(second + 1)) as QueuedOrder;
  return {
    ...order,
    takenAt: new Date(Number(text.slice(0, first))),
    maxPerBuyer: Number(text.slice(first + 1, second)),
  };
}

/** The entry, as text, without what the buyer answered; null: there is nothing to leave out. @throws Error as `parseEntry` */
export function withoutAnswers(text: string): string | null {
  const { answers } = parseEntry(text);
  if (Object.keys(answers).length === 0) return null;
  const start = text.indexOf(' ', text.indexOf(' ') + 1) + 1;
  return text.slice(0, start) + JSON.stringify({ ...(JSON.parse(text.slice(start)) as QueuedOrder), answers: {} });
}

/** Tickets of an order, over all its items. */
export function ticketsOf(order: { readonly items: readonly { readonly quantity: number }[] }): number {
  return order.items.reduce((sum, item) => sum + item.quantity, 0);
}
