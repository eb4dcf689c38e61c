import { expect } from '@jest/globals';
import type { Order, Sale } from '../../src/domain/index.js';
import { EndHolds, ReturnStock } from '../../src/orders/index.js';
import { TakePayment } from '../../src/payments/take-payment.js';
import type { MortalProcess } from './mortal-process.js';
import type { Scenario, Stage } from './stage.js';

/** What a payment provider does: it sends the same again until it has an answer. */
export const paymentScenarios: Readonly<Record<string, Scenario>> = {
  payment: async (stage) => {
    const sale = await stage.openSale();
    const order = await stage.written(sale, 'buyer', { quantities: [2, 1] });
    return { ...paid(sale, order), verify: () => expectPaid(stage, order) };
  },

  'late payment': async (stage) => {
    const sale = await stage.openSale();
    const order = await expired(stage, sale);
    await stage.get(ReturnStock).deliverOrder(sale.id, order.id);
    return { ...paid(sale, order), reloads: 'after a crash', verify: () => expectPaid(stage, order) };
  },

  'late payment of an order whose stock is not back in Redis': async (stage) => {
    const sale = await stage.openSale();
    const order = await expired(stage, sale);
    return { ...paid(sale, order), reloads: 'after a crash', verify: () => expectPaid(stage, order) };
  },

  'late payment that finds no stock': async (stage) => {
    const sale = await stage.openSale([2, 2]);
    const order = await expired(stage, sale);
    await stage.get(ReturnStock).deliverOrder(sale.id, order.id);
    await stage.accepted(sale, 'quick', { quantities: [0, 2] });
    return {
      ...paid(sale, order),
      verify: async () => {
        expect(await stage.statusOf(order)).toBe('expired');
        expect(await paymentsOf(stage, order)).toEqual([{ reason: 'sold_out' }]);
      },
    };
  },

  'payment of an order that is cancelled': async (stage) => {
    const sale = await stage.openSale();
    const order = await stage.undelivered(sale, 'buyer');
    return {
      ...paid(sale, order),
      verify: async () => {
        expect(await paymentsOf(stage, order)).toEqual([{ reason: 'order_cancelled' }]);
      },
    };
  },
};

function paid(sale: Sale, order: Order) {
  const pay = (process: MortalProcess): Promise<void> =>
    process
      .get(TakePayment)
      .execute({ type: 'payment.succeeded', saleId: sale.id, orderId: order.id, paymentReference: 'p' });
  return { sale, run: pay, repeat: pay };
}

/** An order whose hold ran out, and whose stock Redis waits for. */
async function expired(stage: Stage, sale: Sale): Promise<Order> {
  const order = await stage.written(sale, 'buyer', { quantities: [2, 1] });
  await stage.endHold(order);
  await stage.get(EndHolds).expire(sale.id, [order.id]);
  return order;
}

async function expectPaid(stage: Stage, order: Order): Promise<void> {
  expect(await stage.statusOf(order)).toBe('confirmed');
  expect(await paymentsOf(stage, order)).toEqual([{ reason: null }]);
}

function paymentsOf(stage: Stage, order: Order): Promise<object[]> {
  return stage.rows('SELECT refund_reason AS reason FROM payments WHERE order_id = $1', [order.id]);
}
