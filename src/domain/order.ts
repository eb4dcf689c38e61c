export const orderStatuses = ['queued', 'reserved', 'confirmed', 'expired', 'cancelled', 'rejected'] as const;
/**
 * `queued` → `reserved` → `confirmed` | `expired` | `cancelled`; `queued` → `rejected`. Final, but for `confirmed` →
 * `cancelled` by an admin and `expired` → `confirmed` by a late payment.
 */
export type OrderStatus = (typeof orderStatuses)[number];

export const rejectReasons = ['sold_out', 'limit_exceeded', 'duplicate', 'not_durable', 'discarded'] as const;
export type RejectReason = (typeof rejectReasons)[number];

/** How often an order's transaction must fail alone until the order is a dead letter: nobody queues it again, and admins see it. */
export const attemptsUntilDead = 5;

/** A buyer's answer to one of the sale's own fields. */
export type Answer = string | number | boolean;
export type Answers = Readonly<Record<string, Answer>>;

export interface OrderItem {
  readonly ticketTypeId: string;
  readonly quantity: number;
  readonly unitPriceMinor: number;
}

/** An order as its buyer sees it, whichever server it is in. */
export interface Order {
  readonly id: string;
  readonly saleId: string;
  readonly buyerId: string;
  readonly status: OrderStatus;
  readonly reason?: RejectReason;
  readonly items: readonly OrderItem[];
  readonly totalMinor: number;
  readonly currency: string;
  readonly answers: Answers;
  /** when the hold runs out; only while `reserved` */
  readonly holdExpiresAt?: Date;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
