import type { BuyerField } from './buyer-fields.js';

export const saleStatuses = ['draft', 'open', 'paused', 'closed'] as const;
/** `draft` → `open` ⇄ `paused` → `closed`; draft, open and paused can be closed. */
export type SaleStatus = (typeof saleStatuses)[number];

export const paymentModes = ['none', 'webhook'] as const;
/** `none`: the buyer's confirm claims the hold; `webhook`: only a payment does. */
export type PaymentMode = (typeof paymentModes)[number];

export type SaleStep = 'open' | 'pause' | 'resume' | 'close';

/** The sale state machine: where each step may start and where it leads. */
export const saleSteps: Readonly<Record<SaleStep, { from: readonly SaleStatus[]; to: SaleStatus }>> = {
  open: { from: ['draft'], to: 'open' },
  pause: { from: ['open'], to: 'paused' },
  resume: { from: ['paused'], to: 'open' },
  close: { from: ['draft', 'open', 'paused'], to: 'closed' },
};

export interface TicketType {
  readonly id: string;
  readonly name: string;
  readonly priceMinor: number;
  readonly currency: string;
  readonly capacity: number;
  /** tickets of `reserved` and `confirmed` orders, as Postgres has them */
  readonly taken: number;
  /** tickets of orders written since Redis was last loaded, refused ones among them */
  readonly written: number;
  /** tickets given back or refused since then */
  readonly returned: number;
  readonly maxPerOrder: number;
}

/** A sale as Postgres has it. */
export interface Sale {
  readonly id: string;
  readonly name: string;
  readonly status: SaleStatus;
  readonly opensAt: Date;
  readonly closesAt: Date;
  readonly holdSeconds: number;
  readonly maxPerBuyer: number;
  readonly payment: PaymentMode;
  readonly buyerFields: readonly BuyerField[];
  readonly ticketTypes: readonly TicketType[];
  /** counts the reloads and changes of the sale's stock; Redis must hold the same number */
  readonly epoch: number;
  /** when Redis forgot the sale, long after it was closed: Postgres alone answers for it. Null: Redis has it */
  readonly archivedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
