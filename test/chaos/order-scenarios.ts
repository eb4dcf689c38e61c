import { expect } from '@jest/globals';
import { DomainError, type Order, type Sale } from '../../src/domain/index.js';
import { ClaimOrder } from '../../src/orders/claim-order.js';
import { OrderIntake, ReturnStock } from '../../src/orders/index.js';
import { OrderReader } from '../../src/orders/order-reader.js';
import { PurchaseTickets } from '../../src/orders/purchase-tickets.js';
import { ExpireHoldsPass } from '../../src/reconciliation/expire-holds.pass.js';
import { until } from '../support/until.js';
import type { MortalProcess } from './mortal-process.js';
import { orderOf, purchaseOf, type Outcome, type PurchaseOptions, type Scenario, type Stage } from './stage.js';

/** What a buyer does, and what ends his order. */
export const orderScenarios: Readonly<Record<string, Scenario>> = {
  'purchase of two ticket types without a key': async (stage) => {
    const sale = await stage.openSale();
    return {
      sale,
      run: (process) => buy(stage, process, sale, { quantities: [2, 1] }),
      verify: (outcome) => expectBought(stage, sale, outcome),
    };
  },

  'purchase with a key': async (stage) => {
    const sale = await stage.openSale();
    return {
      sale,
      run: (process) => buy(stage, process, sale, { key: 'k' }),
      repeat: (process, outcome) => buyAgain(stage, process, sale, outcome),
      verify: async (outcome) => {
        await expectBought(stage, sale, outcome);
        expect(await stage.ordersOf(sale, 'buyer')).toHaveLength(1);
      },
    };
  },

  'purchase with a key that is known': async (stage) => {
    const sale = await stage.openSale();
    const first = await stage.written(sale, 'buyer', { key: 'k' });
    return {
      sale,
      run: (process) => buy(stage, process, sale, { key: 'k' }),
      repeat: (process, outcome) => buyAgain(stage, process, sale, outcome),
      verify: async () => {
        expect(await stage.ordersOf(sale, 'buyer')).toMatchObject([{ id: first.id, status: 'reserved' }]);
      },
    };
  },

  'purchase that is not made durable in time': async (stage) => {
    const sale = await stage.openSale();
    return {
      sale,
      durability: { kind: 'aof' },
      reasons: ['not_durable'],
      async run(process) {
        try {
          return await buy(stage, process, sale);
        } catch (error) {
          if (!(error instanceof DomainError && error.code === 'unavailable')) throw error;
          const isQueued = async (): Promise<boolean> => (await stage.redis.llen('{sluice}:orders:wait')) > 0;
          await Promise.race([until(isQueued, { intervalMs: 1 }), process.life.ended]);
          return undefined;
        }
      },
      verify: async () => {
        const orders = await stage.ordersOf(sale, 'buyer');
        expect(orders.length).toBeLessThanOrEqual(1);
        for (const { status, reason } of orders) {
          expect([status, reason]).toEqual(status === 'reserved' ? ['reserved', null] : ['rejected', 'not_durable']);
        }
      },
    };
  },

  'handing three orders to the queue': async (stage) => {
    const sale = await stage.openSale();
    const orders: Order[] = [];
    for (const buyerId of ['a', 'b', 'c']) orders.push(await stage.orphan(sale, buyerId));
    return {
      sale,
      async run(process) {
        for (const { id } of orders) process.get(OrderIntake).enqueue(sale.id, id);
        return process.get(OrderIntake).flush();
      },
      verify: async () => {
        for (const order of orders) expect(await stage.statusOf(order)).toBe('reserved');
      },
    };
  },

  'read of an order where Redis cannot be trusted': async (stage) => {
    const sale = await stage.openSale();
    const order = await stage.unsettled(sale, 'buyer');
    await stage.redis.hset(stage.saleKey(sale, 'sale'), 'runId', 'another');
    const read = async (process: MortalProcess): Promise<void> => {
      const seen = await process.get(OrderReader).findOwn(sale.id, order.id, 'buyer');
      stage.journal.note(seen);
      expect(seen.status).toBe('reserved');
    };
    return { sale, reloads: 'always', run: read, repeat: read };
  },

  confirm: async (stage) => {
    const sale = await stage.openSale();
    const order = await stage.written(sale, 'buyer', { quantities: [2, 1] });
    const confirm = claim(stage, (claims) => claims.confirm(sale.id, order.id, 'buyer'));
    return {
      sale,
      run: confirm,
      repeat: confirm,
      verify: async () => {
        expect(await stage.statusOf(order)).toBe('confirmed');
      },
    };
  },

  'confirm of a hold that ran out': async (stage) => {
    const sale = await stage.openSale();
    const order = await stage.written(sale, 'buyer', { quantities: [2, 1] });
    await stage.endHold(order);
    const confirm = claim(stage, (claims) => claims.confirm(sale.id, order.id, 'buyer'));
    return {
      sale,
      run: confirm,
      refusal: 'hold_expired',
      repeat: (process) => expect(confirm(process)).rejects.toMatchObject({ code: 'hold_expired' }),
      verify: async () => {
        expect(await stage.statusOf(order)).toBe('expired');
      },
    };
  },

  "buyer's cancel": async (stage) => {
    const sale = await stage.openSale();
    const order = await stage.written(sale, 'buyer', { quantities: [2, 1] });
    const cancel = claim(stage, (claims) => claims.cancel(sale.id, order.id, 'buyer'));
    return {
      sale,
      run: cancel,
      repeat: cancel,
      verify: async () => {
        expect(await stage.statusOf(order)).toBe('cancelled');
      },
    };
  },

  "admin's cancel of a confirmed order": async (stage) => {
    const sale = await stage.openSale();
    const order = await stage.written(sale, 'buyer', { quantities: [2, 1] });
    await stage.get(ClaimOrder).confirm(sale.id, order.id, 'buyer');
    const cancel = claim(stage, (claims) => claims.cancelAsAdmin(sale.id, order.id, 'admin'));
    return {
      sale,
      run: cancel,
      repeat: cancel,
      verify: async () => {
        expect(await stage.statusOf(order)).toBe('cancelled');
        expect(await stage.rows(`SELECT FROM audit_log WHERE action = 'order.cancelled'`)).toHaveLength(1);
      },
    };
  },

  'expiry of two holds': async (stage) => {
    const sale = await stage.openSale();
    const overdue = [await stage.written(sale, 'a', { quantities: [2, 1] }), await stage.written(sale, 'b')];
    const running = await stage.written(sale, 'c');
    for (const order of overdue) await stage.endHold(order);
    return {
      sale,
      run: (process) => process.get(ExpireHoldsPass).run(),
      verify: async () => {
        expect(await Promise.all([...overdue, running].map((order) => stage.statusOf(order)))).toEqual([
          'expired',
          'expired',
          'reserved',
        ]);
      },
    };
  },

  'delivery of two returns': async (stage) => {
    const sale = await stage.openSale();
    await stage.undelivered(sale, 'a', { quantities: [2, 1] });
    await stage.undelivered(sale, 'b');
    return { sale, run: (process) => process.get(ReturnStock).deliverSale(sale.id, Infinity) };
  },
};

async function buy(stage: Stage, process: MortalProcess, sale: Sale, options?: PurchaseOptions): Promise<Order> {
  const order = orderOf(await process.get(PurchaseTickets).execute(purchaseOf(sale, 'buyer', options)));
  stage.journal.note(order);
  return order;
}

async function buyAgain(stage: Stage, process: MortalProcess, sale: Sale, outcome: Outcome): Promise<void> {
  const order = await buy(stage, process, sale, { key: 'k' });
  if (outcome.kind === 'answered') expect(order.id).toBe((outcome.answer as Order).id);
}

async function expectBought(stage: Stage, sale: Sale, outcome: Outcome): Promise<void> {
  const orders = await stage.ordersOf(sale, 'buyer');
  expect(orders.length).toBeLessThanOrEqual(1);
  if (outcome.kind === 'answered') expect(orders).toMatchObject([{ id: (outcome.answer as Order).id }]);
  expect(orders.map(({ status }) => status)).toEqual(orders.map(() => 'reserved'));
}

function claim(stage: Stage, ask: (claims: ClaimOrder) => Promise<Order>): (process: MortalProcess) => Promise<Order> {
  return async (process) => {
    const order = await ask(process.get(ClaimOrder));
    stage.journal.note(order);
    return order;
  };
}
