import { expect, test } from '@jest/globals';
import type { OrderStatus } from '../../../src/domain/index.js';
import type { PaymentRecord } from './journal.js';
import { moneyFindings, type Money } from './payment-audit.js';

const order = (status: OrderStatus, id = 'order') => ({ id, saleId: 'sale', status });
const refund = (paymentReference = 'a') => ({ orderId: 'order', paymentReference, reason: 'sold_out' });
function paid(reference = 'a', answeredAt: number | null = 1): PaymentRecord {
  return { saleId: 'sale', orderId: 'order', reference, type: 'payment.succeeded', sentAt: 0, answeredAt };
}

function findings(money: Partial<Money>): string[] {
  const none = { payments: [], refunds: [], orders: [], cancelledByAdmin: new Set<string>() };
  return moneyFindings({ ...none, paidSales: new Set(['sale']), ...money });
}

test.each<[string, Partial<Money>]>([
  ['confirms its order', { payments: [paid()], orders: [order('confirmed')] }],
  ['is owed back', { payments: [paid()], orders: [order('expired')], refunds: [refund()] }],
  [
    'is the second one, owed back',
    { payments: [paid(), paid('b')], orders: [order('confirmed')], refunds: [refund('b')] },
  ],
  [
    'confirmed what the admin cancelled',
    { payments: [paid()], orders: [order('cancelled')], cancelledByAdmin: new Set(['order']) },
  ],
  ['was never answered, and may be anything', { payments: [paid('a', null)], orders: [order('expired')] }],
  ['was never answered, and confirms', { payments: [paid('a', null)], orders: [order('confirmed')] }],
])('when a payment %s, then all is well', (_, money) => {
  expect(findings(money)).toEqual([]);
});

test.each<[string, Partial<Money>, string]>([
  ['is kept for nothing', { payments: [paid()], orders: [order('expired')] }, 'expired, 1 payments taken'],
  [
    'is kept for what its buyer cancelled',
    { payments: [paid()], orders: [order('cancelled')] },
    'cancelled, 1 payments',
  ],
  ['is kept for an order that is gone', { payments: [paid()] }, 'nowhere, 1 payments'],
  ['is kept twice', { payments: [paid(), paid('b')], orders: [order('confirmed')] }, 'confirmed, 2 payments taken'],
  [
    'is owed back, and confirms',
    { payments: [paid()], orders: [order('confirmed')], refunds: [refund()] },
    'all of its 1 payments are owed back',
  ],
  [
    'is owed back twice',
    { payments: [paid()], orders: [order('expired')], refunds: [refund(), refund()] },
    'owed back twice',
  ],
  ['is owed back, and was never sent', { orders: [order('expired')], refunds: [refund()] }, 'never paid'],
  ['was never sent', { orders: [order('confirmed')] }, 'confirmed and not paid'],
])('when a payment %s, then that is found', (_, money, finding) => {
  expect(findings(money)).toEqual([expect.stringContaining(finding)]);
});
