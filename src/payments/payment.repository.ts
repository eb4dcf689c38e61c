import { Injectable } from '@nestjs/common';
import { v7 as newId } from 'uuid';
import { AdminQueries, type Queryable, type Statement } from '../postgres/index.js';

export const paymentTypes = ['payment.succeeded', 'payment.failed'] as const;
export type PaymentType = (typeof paymentTypes)[number];

export const refundReasons = [
  'sold_out',
  'limit_exceeded',
  'order_cancelled',
  'order_rejected',
  'already_paid',
] as const;
export type RefundReason = (typeof refundReasons)[number];

/** What the payment provider tells of an order. */
export interface Payment {
  readonly type: PaymentType;
  readonly saleId: string;
  readonly orderId: string;
  /** the provider's name for the payment: with the order, what makes a repeat of its webhook known */
  readonly paymentReference: string;
}

/** A payment that is owed back. */
export interface Refund {
  readonly id: string;
  readonly saleId: string;
  readonly orderId: string;
  readonly buyerId: string;
  readonly paymentReference: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly reason: RefundReason;
  readonly createdAt: Date;
}

const ofOrder: Statement = {
  name: 'payments-of-order',
  text: 'SELECT type, reference, refund_reason AS "refundReason" FROM payments WHERE order_id = $1',
};

const insert: Statement = {
  name: 'insert-payment',
  text: `
    INSERT INTO payments (id, sale_id, order_id, type, reference, refund_reason) VALUES ($1, $2, $3, $4, $5, $6)`,
};

interface PaymentRow {
  readonly type: PaymentType;
  readonly reference: string;
  readonly refundReason: RefundReason | null;
}

/** Payments in Postgres. */
@Injectable()
export class PaymentRepository {
  constructor(private readonly admin: AdminQueries) {}

  /** What is known of a payment for an order that is locked: it came before, or another has paid, or neither. */
  async standing(tx: Queryable, payment: Payment): Promise<'repeat' | 'paid' | 'unpaid'> {
    const rows = await tx.rows<PaymentRow>(ofOrder, [payment.orderId]);
    const { type, paymentReference } = payment;
    if (rows.some((row) => row.type === type && row.reference === paymentReference)) return 'repeat';
    return rows.some((row) => row.type === 'payment.succeeded' && row.refundReason === null) ? 'paid' : 'unpaid';
  }

  /** @param refundReason why it is owed back; null: it pays for the order, or it failed */
  async insert(tx: Queryable, payment: Payment, refundReason: RefundReason | null): Promise<void> {
    const { saleId, orderId, type, paymentReference } = payment;
    await tx.rows(insert, [newId(), saleId, orderId, type, paymentReference, refundReason]);
  }

  /** What is owed back, newest first, those older than `before` (an id); one more than `limit`. */
  async refunds(before: string | null, limit: number): Promise<Refund[]> {
    const rows = await this.admin.read((client) =>
      client.payment.findMany({
        where: { refundReason: { not: null }, ...(before === null ? {} : { id: { lt: before } }) },
        orderBy: { id: 'desc' },
        take: limit + 1,
        include: { order: { select: { buyerId: true, totalMinor: true, currency: true } } },
      }),
    );
    return rows.map(({ id, saleId, orderId, reference, refundReason, createdAt, order }) => ({
      id,
      saleId,
      orderId,
      buyerId: order.buyerId,
      paymentReference: reference,
      amountMinor: Number(order.totalMinor),
      currency: order.currency,
      reason: refundReason as RefundReason,
      createdAt,
    }));
  }
}
