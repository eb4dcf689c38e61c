import type { Answers, OrderStatus } from '../../src/domain/index.js';
import type { Order, SaleFields, TicketType as SharedTicketType } from '../shared/model.js';

export type { Order, Page } from '../shared/model.js';

export interface TicketType extends SharedTicketType {
  readonly held: number;
}

export interface Sale extends SaleFields {
  readonly ticketTypes: readonly TicketType[];
  readonly soldOut: boolean;
  readonly serverTime: string;
}

export interface PurchaseBody {
  readonly items: readonly { readonly ticketTypeId: string; readonly quantity: number }[];
  readonly answers?: Answers;
}

/** Where a sale stands by the server's clock. */
export type SalePhase = 'before' | 'selling' | 'paused' | 'sold-out' | 'closed';

export function phaseOf(sale: Sale, nowMs: number): SalePhase {
  if (sale.status === 'closed' || nowMs >= Date.parse(sale.closesAt)) return 'closed';
  if (sale.status === 'paused') return 'paused';
  if (nowMs < Date.parse(sale.opensAt)) return 'before';
  return sale.soldOut ? 'sold-out' : 'selling';
}

const ranks: Readonly<Record<OrderStatus, number>> = {
  queued: 0,
  reserved: 1,
  confirmed: 2,
  expired: 2,
  cancelled: 2,
  rejected: 2,
};

export function isFinal({ status }: Order): boolean {
  return ranks[status] === 2;
}

/** Answers may overtake each other; a status never goes back. */
export function isBehind(order: Order, known: Order): boolean {
  return ranks[order.status] < ranks[known.status];
}

export function ticketsOf({ items }: Pick<Order, 'items'>): number {
  return items.reduce((sum, { quantity }) => sum + quantity, 0);
}
