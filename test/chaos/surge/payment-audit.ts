import type { OrderStatus } from '../../../src/domain/index.js';
import { groupBy } from './group-by.js';
import type { HttpClient } from './http-client.js';
import type { PaymentRecord } from './journal.js';

/** A payment that the admin is told to pay back. */
export interface ListedRefund {
  readonly orderId: string;
  readonly paymentReference: string;
  readonly reason: string;
}

/** An order as it ended. */
interface Ended {
  readonly id: string;
  readonly saleId: string;
  readonly status: OrderStatus;
}

export interface Money {
  readonly payments: readonly PaymentRecord[];
  readonly refunds: readonly ListedRefund[];
  readonly orders: readonly Ended[];
  /** ids of the sales that are paid by webhook */
  readonly paidSales: ReadonlySet<string>;
  readonly cancelledByAdmin: ReadonlySet<string>;
}

/**
 * Money that is nowhere, or in two places. A payment that was answered 204 has confirmed its order or is owed back, one of them;
 * one that was never answered may have been taken or not. So of an order's payments all are owed back, but for one if it was
 * confirmed.
 */
export function moneyFindings({ payments, refunds, orders, paidSales, cancelledByAdmin }: Money): string[] {
  const found: string[] = [];
  const byId = new Map(orders.map((order) => [order.id, order]));
  const owed = new Set<string>();
  const keyOf = (orderId: string, reference: string): string => `${orderId} ${reference}`;
  for (const { orderId, paymentReference, reason } of refunds) {
    const key = keyOf(orderId, paymentReference);
    if (owed.has(key)) found.push(`${key}: owed back twice, ${reason}`);
    owed.add(key);
  }
  const succeeded = groupBy(
    payments.filter(({ type }) => type === 'payment.succeeded'),
    ({ orderId }) => orderId,
  );
  for (const { orderId, paymentReference, reason } of refunds) {
    const sent = succeeded.get(orderId)?.some(({ reference }) => reference === paymentReference) === true;
    if (!sent) found.push(`${keyOf(orderId, paymentReference)}: owed back, ${reason}, and never paid`);
  }
  for (const [orderId, all] of succeeded) {
    const status = byId.get(orderId)?.status ?? 'nowhere';
    const kept = all.filter(({ reference }) => !owed.has(keyOf(orderId, reference)));
    const taken = kept.filter(({ answeredAt }) => answeredAt !== null);
    const mayOwn = status === 'confirmed' || (status === 'cancelled' && cancelledByAdmin.has(orderId));
    if (taken.length > (mayOwn ? 1 : 0)) {
      found.push(`${orderId}: ${status}, ${taken.length} payments taken and not owed back`);
    }
    if (status === 'confirmed' && kept.length === 0) {
      found.push(`${orderId}: confirmed, and all of its ${all.length} payments are owed back`);
    }
  }
  for (const { id, saleId, status } of orders) {
    if (status === 'confirmed' && paidSales.has(saleId) && !succeeded.has(id))
      found.push(`${id}: confirmed and not paid`);
  }
  return found;
}

const attempts = 20;

/** All that the admin is told to pay back. @throws Error when the API does not say */
export async function listRefunds(admin: HttpClient): Promise<ListedRefund[]> {
  const refunds: ListedRefund[] = [];
  let next = '';
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const { status, body } = await admin.send({ method: 'GET', path: `/v1/admin/refunds?limit=200${next}` });
    if (status !== 200) continue;
    const page = body as unknown as { data: ListedRefund[]; nextCursor: string | null };
    refunds.push(...page.data);
    if (page.nextCursor === null) return refunds;
    next = `&cursor=${page.nextCursor}`;
    attempt = 0;
  }
  throw new Error('GET /v1/admin/refunds is not answered');
}
