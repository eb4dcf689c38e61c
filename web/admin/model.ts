import type {
  Answer,
  BuyerField,
  OrderStatus,
  PaymentMode,
  RejectReason,
  SaleStatus,
  SaleStep,
} from '../../src/domain/index.js';

export type { BuyerField, OrderStatus, SaleStatus, SaleStep };

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
}

export interface Sale {
  readonly id: string;
  readonly name: string;
  readonly status: SaleStatus;
  readonly opensAt: string;
  readonly closesAt: string;
  readonly holdSeconds: number;
  readonly maxPerBuyer: number;
  readonly payment: PaymentMode;
  readonly ticketTypes: readonly TicketType[];
  readonly buyerFields: readonly BuyerField[];
}

/** One second of a sale, as the stream tells it (docs/live.md). */
export interface SaleStats {
  readonly at: string;
  readonly status: SaleStatus;
  /** 0: there are no rates yet */
  readonly periodMs: number;
  readonly requests: Readonly<Record<string, number>>;
  readonly written: number;
  readonly totals: { readonly accepted: number; readonly written: number };
  readonly queue: { readonly orders: number; readonly oldestMs: number };
  readonly latency: Readonly<Record<'purchase' | 'commit', Latency>>;
  readonly stock: readonly Stock[];
  readonly consistent: boolean;
}

/** null: nothing happened */
export interface Latency {
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface Stock {
  readonly ticketTypeId: string;
  readonly capacity: number;
  readonly available: number;
  readonly queued: number;
  readonly reserved: number;
  readonly confirmed: number;
  readonly drift: number;
}

export interface Order {
  readonly id: string;
  readonly saleId: string;
  readonly buyerId: string;
  readonly status: OrderStatus;
  readonly reason?: RejectReason;
  readonly items: readonly {
    readonly ticketTypeId: string;
    readonly quantity: number;
    readonly unitPriceMinor: number;
  }[];
  readonly totalMinor: number;
  readonly currency: string;
  readonly answers: Readonly<Record<string, Answer>>;
  readonly holdExpiresAt?: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface DeadLetter {
  readonly id: string;
  readonly saleId: string;
  readonly payload: string;
  readonly error: string;
  readonly attempts: number;
  readonly createdAt: string;
}

export interface Refund {
  readonly id: string;
  readonly saleId: string;
  readonly orderId: string;
  readonly buyerId: string;
  readonly paymentReference: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly reason: string;
  readonly createdAt: string;
}

export interface AuditEntry {
  readonly id: string;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly saleId: string | null;
  readonly details: unknown;
}

export interface Reconciliation {
  readonly expired: number;
  readonly requeued: number;
  readonly returned: number;
  readonly closed: number;
  readonly reloaded: number;
  readonly durationMs: number;
}
