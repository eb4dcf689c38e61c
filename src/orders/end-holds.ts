import { Injectable } from '@nestjs/common';
import type { OrderStatus } from '../domain/index.js';
import { StockStore } from '../inventory/index.js';
import { briefPatienceMs, SaleGate } from '../postgres/index.js';
import { AuditLog, type AuditEntry } from '../sales/index.js';
import { OrderMarks } from './order-marks.js';
import { OrderRepository, type HoldState } from './order.repository.js';

/** Ends orders and gives their stock back, first in Postgres, then in Redis. Whoever changes an order's row first wins. */
@Injectable()
export class EndHolds {
  constructor(
    private readonly gate: SaleGate,
    private readonly orders: OrderRepository,
    private readonly stock: StockStore,
    private readonly audit: AuditLog,
    private readonly marks: OrderMarks,
  ) {}

  /** Expires those of a sale's orders whose hold ran out. @returns how many */
  async expire(saleId: string, orderIds: readonly string[]): Promise<number> {
    return (await this.end(saleId, orderIds, 'expired', ['reserved'], 'overdue')).length;
  }

  /** Cancels an order whose status is one of these, and writes down who did. False: somebody else was first. */
  async cancel(
    saleId: string,
    orderId: string,
    from: readonly OrderStatus[],
    holds: HoldState,
    audit?: AuditEntry,
  ): Promise<boolean> {
    return (await this.end(saleId, [orderId], 'cancelled', from, holds, audit)).length > 0;
  }

  private async end(
    saleId: string,
    orderIds: readonly string[],
    to: 'expired' | 'cancelled',
    from: readonly OrderStatus[],
    holds: HoldState,
    audit?: AuditEntry,
  ): Promise<string[]> {
    const ended = await this.marks.changing(saleId, orderIds, () =>
      this.gate.shared(saleId, briefPatienceMs, async (tx) => {
        const ids = await this.orders.end(tx, saleId, orderIds, to, from, holds);
        if (to === 'cancelled' && ids.length > 0) await this.orders.owePayments(tx, ids);
        if (audit !== undefined && ids.length > 0) await this.audit.record(tx, audit);
        return ids;
      }),
    );
    if (ended.length === 0) return ended;
    // Dies here? The stock returns are delivered by the next pass, and the worker's job settles what is still queued.
    await this.stock.settle(
      saleId,
      ended.map((id) => ({ id, status: to })),
    );
    return ended;
  }
}
