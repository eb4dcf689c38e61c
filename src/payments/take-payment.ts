import { Injectable } from '@nestjs/common';
import { DomainError, notFound, type Sale } from '../domain/index.js';
import { StockStore } from '../inventory/index.js';
import { OrderMarks, OrderReader, OrderRepository, ReturnStock, type LockedOrder } from '../orders/index.js';
import {
  briefPatienceMs,
  Database,
  rollbackToSavepoint,
  SaleGate,
  savepoint,
  type Queryable,
} from '../postgres/index.js';
import { AuditLog, MoveSale, SaleRepository, systemActor } from '../sales/index.js';
import { PaymentRepository, type Payment, type RefundReason } from './payment.repository.js';

/**
 * What becomes of a payment: it confirms its order, or it is owed back. Either is written once, in the transaction that
 * decides it; a repeat finds it. Dies anywhere? Nothing or all of it happened, and the provider, without an answer, repeats.
 */
@Injectable()
export class TakePayment {
  constructor(
    private readonly reader: OrderReader,
    private readonly orders: OrderRepository,
    private readonly sales: SaleRepository,
    private readonly payments: PaymentRepository,
    private readonly database: Database,
    private readonly gate: SaleGate,
    private readonly move: MoveSale,
    private readonly returns: ReturnStock,
    private readonly stock: StockStore,
    private readonly audit: AuditLog,
    private readonly marks: OrderMarks,
  ) {}

  /** Safe to repeat. @throws DomainError `not_found`; `unavailable` and `recovering`: to be sent again */
  async execute(payment: Payment): Promise<void> {
    const { saleId, orderId } = payment;
    const { status } = await this.reader.find(saleId, orderId);
    if (status === 'queued') throw stillQueued();
    if (payment.type === 'payment.failed') {
      await this.database.transaction((tx) => this.noteFailure(tx, payment));
      return;
    }
    const confirmed = await this.marks.changing(saleId, [orderId], async () => {
      const outcome = await this.database.transaction((tx) => this.decide(tx, payment));
      return outcome === 'expired' ? this.takeLate(payment) : outcome === 'confirmed';
    });
    // Dies here? Nobody who waits for the order is woken; the next poll reads it.
    if (confirmed) await this.stock.settle(saleId, [{ id: orderId, status: 'confirmed' }]);
  }

  private async noteFailure(tx: Queryable, payment: Payment): Promise<void> {
    await this.lock(tx, payment);
    if ((await this.payments.standing(tx, payment)) === 'repeat') return;
    await this.payments.insert(tx, payment, null);
    await this.note(tx, payment, 'payment.failed');
  }

  /** Without the gate: no stock moves. `expired`: it has to. */
  private async decide(tx: Queryable, payment: Payment): Promise<'confirmed' | 'expired' | 'other'> {
    const { status } = await this.lock(tx, payment);
    switch (await this.payments.standing(tx, payment)) {
      case 'repeat':
        return status === 'confirmed' ? 'confirmed' : 'other';
      case 'paid':
        return this.refund(tx, payment, 'already_paid');
      case 'unpaid':
    }
    switch (status) {
      case 'expired':
        return 'expired';
      case 'cancelled':
        return this.refund(tx, payment, 'order_cancelled');
      case 'rejected':
        return this.refund(tx, payment, 'order_rejected');
      case 'queued': // is never in Postgres
      case 'reserved':
      case 'confirmed': // by a buyer who did not have to pay
        await this.orders.confirmPaid(tx, payment.saleId, payment.orderId);
        await this.payments.insert(tx, payment, null);
        return 'confirmed';
    }
  }

  /** After the hold expired: takes the stock again where it is there. @returns whether the order is confirmed */
  private async takeLate(payment: Payment): Promise<boolean> {
    const { saleId, orderId } = payment;
    const taken = await this.gate.shared(saleId, briefPatienceMs, (tx) => this.takeBackReturn(tx, payment));
    if (taken !== 'returned') return taken === 'confirmed';
    // What Postgres gave back may be on its way to Redis: first this order's own, then, where that will not do, some of the others'.
    await this.returns.deliverOrder(saleId, orderId);
    const retake = (attempt: 'try' | 'last'): Promise<'confirmed' | 'other' | 'again'> =>
      this.move.underGate(saleId, briefPatienceMs, (tx, sale) => this.retake(tx, sale, payment, attempt));
    const retaken = await retake('try');
    if (retaken !== 'again') return retaken === 'confirmed';
    await this.returns.deliverSale(saleId, performance.now());
    return (await retake('last')) === 'confirmed';
  }

  /** Under the gate, shared: while the stock is on no way to Redis yet, Postgres alone decides. `returned`: it is, or was. */
  private async takeBackReturn(tx: Queryable, payment: Payment): Promise<'confirmed' | 'other' | 'returned'> {
    const order = await this.lock(tx, payment);
    if (!(await this.isOwed(tx, payment, order))) return this.decideAgain(tx, payment);
    // Where Redis has loaded the sale and the commit was lost, it offers the tickets, though their return is on no way.
    const sale = await this.sales.find(payment.saleId, tx);
    const { sound, epoch } = await this.stock.inspect(payment.saleId);
    if (!sound || epoch !== sale?.epoch) return 'returned';
    await tx.rows(savepoint);
    if (!(await this.returns.undo(tx, payment.orderId))) return 'returned';
    const refused = await this.orders.retake(tx, payment.saleId, payment.orderId, true);
    if (refused === null) return this.takenLate(tx, payment);
    await tx.rows(rollbackToSavepoint);
    return this.refund(tx, payment, refused);
  }

  /** Under the gate, exclusive. Postgres first, Redis second, as every change: what one of them refuses is undone in the other. */
  private async retake(
    tx: Queryable,
    sale: Sale,
    payment: Payment,
    attempt: 'try' | 'last',
  ): Promise<'confirmed' | 'other' | 'again'> {
    const order = await this.lock(tx, payment);
    if (!(await this.isOwed(tx, payment, order))) return this.decideAgain(tx, payment);
    await tx.rows(savepoint);
    const refused = await this.orders.retake(tx, payment.saleId, payment.orderId, false);
    const inRedis = refused ?? (await this.takeInRedis(tx, sale, order));
    if (inRedis === null) return this.takenLate(tx, payment);
    await tx.rows(rollbackToSavepoint);
    if (refused === null) {
      if (attempt === 'try') return 'again';
      // a refund is final: not while tickets are on their way to Redis that Postgres has
      if (await this.returns.isUndelivered(tx, payment.saleId)) throw stillReturning();
    }
    return this.refund(tx, payment, inRedis);
  }

  /** @returns why it cannot be; null: it is done, or Redis has nothing of an archived sale */
  private async takeInRedis(
    tx: Queryable,
    sale: Sale,
    order: LockedOrder,
  ): Promise<'sold_out' | 'limit_exceeded' | null> {
    if (sale.archivedAt !== null) return null;
    const { kind } = await this.move.move(tx, sale, sale.epoch, new Map(), order);
    switch (kind) {
      case 'taken':
        return 'sold_out';
      case 'limit':
        return 'limit_exceeded';
      case 'changed':
        return null;
    }
  }

  /** Whether the order, which is locked, is still expired and not paid. */
  private async isOwed(tx: Queryable, payment: Payment, { status }: LockedOrder): Promise<boolean> {
    return status === 'expired' && (await this.payments.standing(tx, payment)) === 'unpaid';
  }

  /** Something else came between. */
  private async decideAgain(tx: Queryable, payment: Payment): Promise<'confirmed' | 'other'> {
    return (await this.decide(tx, payment)) === 'confirmed' ? 'confirmed' : 'other';
  }

  private async takenLate(tx: Queryable, payment: Payment): Promise<'confirmed'> {
    await this.payments.insert(tx, payment, null);
    await this.note(tx, payment, 'order.paid-late');
    return 'confirmed';
  }

  private async refund(tx: Queryable, payment: Payment, reason: RefundReason): Promise<'other'> {
    await this.payments.insert(tx, payment, reason);
    await this.note(tx, payment, 'payment.refund-due', { reason });
    return 'other';
  }

  private async lock(tx: Queryable, { saleId, orderId }: Payment): Promise<LockedOrder> {
    const order = await this.orders.lock(tx, saleId, orderId);
    if (order === null) throw notFound('order');
    return order;
  }

  private note(tx: Queryable, payment: Payment, action: string, facts: object = {}): Promise<void> {
    const { saleId, orderId, paymentReference } = payment;
    const details = { orderId, paymentReference, ...facts };
    return this.audit.record(tx, { actor: systemActor, action, saleId, details });
  }
}

function stillReturning(): DomainError {
  return new DomainError('unavailable', 'Tickets of this sale are coming back. Send the payment again in a moment.', {
    retryAfterSeconds: 1,
  });
}

function stillQueued(): DomainError {
  return new DomainError('unavailable', 'The order is still on its way. Send the payment again in a moment.', {
    retryAfterSeconds: 1,
  });
}
