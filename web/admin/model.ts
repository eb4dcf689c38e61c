import type { SaleFields, TicketType } from '../shared/model.js';

export type { BuyerField, OrderStatus, SaleStatus, SaleStep } from '../../src/domain/index.js';
export type { Order, Page } from '../shared/model.js';

export interface Sale extends SaleFields {
  readonly holdSeconds: number;
  readonly ticketTypes: readonly TicketType[];
}

/** One second of a sale, as the stream tells it (docs/live.md). */
export interface SaleStats {
  readonly at: string;
  readonly status: SaleFields['status'];
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
