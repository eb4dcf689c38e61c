import { Injectable } from '@nestjs/common';
import { DomainError, type Order } from '../domain/index.js';
import { StockStore } from '../inventory/index.js';
import { SaleSnapshots } from '../sales/index.js';
import { EndHolds } from './end-holds.js';
import { LocalRefusals } from './local-refusals.js';
import { OrderMarks } from './order-marks.js';
import { OrderReader } from './order-reader.js';
import { OrderRepository } from './order.repository.js';
import { ReturnStock } from './return-stock.js';

/** What ends a hold: the buyer's confirm, the buyer's cancel, an admin's cancel. Each is safe to repeat. */
@Injectable()
export class ClaimOrder {
  constructor(
    private readonly sales: SaleSnapshots,
    private readonly reader: OrderReader,
    private readonly orders: OrderRepository,
    private readonly stock: StockStore,
    private readonly holds: EndHolds,
    private readonly returns: ReturnStock,
    private readonly refusals: LocalRefusals,
    private readonly marks: OrderMarks,
  ) {}

  /**
   * Claims the hold for good.
   * @throws DomainError `not_found`, `payment_required`, `order_not_ready`, `hold_expired`, `order_cancelled`,
   *   `order_rejected`, `unavailable`
   */
  async confirm(saleId: string, orderId: string, buyerId: string): Promise<Order> {
    const sale = await this.sales.get(saleId);
    let order = await this.reader.findOwn(sale.id, orderId, buyerId);
    if (sale.payment === 'webhook') {
      throw new DomainError('payment_required', 'Orders of this sale are confirmed by their payment.');
    }
    if (order.status === 'reserved') {
      const claimed = await this.marks.changing(sale.id, [orderId], () => this.orders.confirm(sale.id, orderId));
      if (!claimed) await this.holds.expire(sale.id, [orderId]);
      order = await this.settled(sale.id, orderId, buyerId);
    }
    if (order.status === 'confirmed') return order;
    throw refusal(order);
  }

  /** Gives the hold up. @throws DomainError as `confirm`, and `already_confirmed` */
  async cancel(saleId: string, orderId: string, buyerId: string): Promise<Order> {
    const sale = await this.sales.get(saleId);
    let order = await this.reader.findOwn(sale.id, orderId, buyerId);
    if (order.status === 'reserved') {
      const cancelled = await this.holds.cancel(sale.id, orderId, ['reserved'], 'running');
      if (!cancelled) await this.holds.expire(sale.id, [orderId]);
      order = await this.settled(sale.id, orderId, buyerId);
    }
    return this.cancelled(order);
  }

  /** Takes an order back, a confirmed one too. @throws DomainError as `cancel` */
  async cancelAsAdmin(saleId: string, orderId: string, admin: string): Promise<Order> {
    let order = await this.reader.find(saleId, orderId);
    if (order.status === 'reserved' || order.status === 'confirmed') {
      await this.holds.cancel(saleId, orderId, ['reserved', 'confirmed'], 'any', {
        actor: admin,
        action: 'order.cancelled',
        saleId,
        details: { orderId },
      });
      order = await this.settled(saleId, orderId, order.buyerId);
    }
    return this.cancelled(order);
  }

  /** The order after Postgres decided, told only once no poll can show an older status. */
  private async settled(saleId: string, orderId: string, buyerId: string): Promise<Order> {
    const order = await this.orders.find(saleId, orderId);
    if (order === null) return this.reader.findOwn(saleId, orderId, buyerId);
    await this.stock.settle(saleId, [order]);
    return order;
  }

  private async cancelled(order: Order): Promise<Order> {
    if (order.status !== 'cancelled') throw refusal(order);
    // also when it was cancelled before: that answer may have been lost before the stock was back
    await this.returns.deliverOrder(order.saleId, order.id);
    this.refusals.forget(order.saleId); // other nodes are told
    return order;
  }
}

function refusal(order: Order): DomainError {
  switch (order.status) {
    case 'queued':
      return new DomainError('order_not_ready', 'The order is still on its way. Try again in a moment.', {
        retryAfterSeconds: 1,
      });
    case 'expired':
      return new DomainError('hold_expired', 'The hold of this order has run out.');
    case 'cancelled':
      return new DomainError('order_cancelled', 'The order was cancelled.');
    case 'rejected':
      return new DomainError('order_rejected', 'The order was rejected.');
    case 'confirmed':
      return new DomainError('already_confirmed', 'The order is confirmed and can no longer be cancelled.');
    case 'reserved':
      // its status changed between two of our reads: a late payment, an admin
      return new DomainError('order_not_ready', 'The order is changing. Try again in a moment.', {
        retryAfterSeconds: 1,
      });
  }
}
