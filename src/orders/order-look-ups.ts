import type { Order } from '../domain/index.js';
import type { OrderRepository } from './order.repository.js';

/** Orders in one query: some milliseconds of Postgres's time. */
const maxOrders = 500;

interface Batch {
  readonly ids: Set<string>;
  readonly orders: Promise<ReadonlyMap<string, Order>>;
}

/** Looks orders up in Postgres, those of one sale that are asked for in one event-loop turn by one query. */
export class OrderLookUps {
  private readonly next = new Map<string, Batch>();

  constructor(private readonly orders: OrderRepository) {}

  /** Null: Postgres does not have it. The query begins after the call. @throws DomainError `unavailable` */
  async find(saleId: string, orderId: string): Promise<Order | null> {
    let batch = this.next.get(saleId);
    if (batch === undefined || batch.ids.size >= maxOrders) {
      const ids = new Set<string>();
      batch = { ids, orders: this.atEndOfTurn(saleId, ids) };
      this.next.set(saleId, batch);
    }
    batch.ids.add(orderId);
    return (await batch.orders).get(orderId) ?? null;
  }

  private async atEndOfTurn(saleId: string, ids: ReadonlySet<string>): Promise<ReadonlyMap<string, Order>> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.next.get(saleId)?.ids === ids) this.next.delete(saleId);
    return new Map((await this.orders.findMany(saleId, [...ids])).map((order) => [order.id, order]));
  }
}
