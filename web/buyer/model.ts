import type { Answer, BuyerField, OrderStatus, PaymentMode, RejectReason, SaleStatus } from '../../src/domain/index.js';

/** What the API sends (docs/openapi.json): times are text, and money is in minor units. */
export interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor: string | null;
}

export interface TicketType {
  readonly id: string;
  readonly name: string;
  readonly priceMinor: number;
  readonly currency: string;
  readonly capacity: number;
  readonly maxPerOrder: number;
  readonly available: number;
  readonly held: number;
}

export interface Sale {
  readonly id: string;
  readonly name: string;
  readonly status: SaleStatus;
  readonly opensAt: string;
  readonly closesAt: string;
  readonly maxPerBuyer: number;
  readonly payment: PaymentMode;
  readonly ticketTypes: readonly TicketType[];
  readonly buyerFields: readonly BuyerField[];
  readonly soldOut: boolean;
  readonly serverTime: string;
}

export interface PurchaseBody {
  readonly items: readonly { readonly ticketTypeId: string; readonly quantity: number }[];
  readonly answers?: Readonly<Record<string, Answer>>;
}

export interface Order {
  readonly id: string;
  readonly saleId: string;
  readonly status: OrderStatus;
  readonly reason?: RejectReason;
  readonly items: readonly {
    readonly ticketTypeId: string;
    readonly quantity: number;
    readonly unitPriceMinor: number;
  }[];
  readonly totalMinor: number;
  readonly currency: string;
  readonly holdExpiresAt?: string;
  readonly createdAt: string;
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
