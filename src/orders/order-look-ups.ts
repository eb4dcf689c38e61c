import type { Order } from '../domain/index.js';
import type { OrderRepository } from './order.repository.js';

/** Orders in one query: some milliseconds of Postgres's time. */
const maxOrders = 500;

interface Batch {
  readonly ids: Set<string>;
  readonly orders: Promise<ReadonlyMap<string, Order>>;
}

/**
 * Looks orders up in Postgres, of each sale by one query at a time: those that are asked for in one event-loop turn, and while the query
 * before has no answer, go together. So the polls of one sale take one connection, however slow Postgres is.
 */
export class OrderLookUps {
  private readonly next = new Map<string, Batch>();
  private readonly underWay = new Map<string, Promise<unknown>>();

  constructor(private readonly orders: OrderRepository) {}

  /** Null: Postgres does not have it. The query begins after the call. @throws DomainError `unavailable` */
  async find(saleId: string, orderId: string): Promise<Order | null> {
    let batch = this.next.get(saleId);
    if (batch === undefined) {
      const ids = new Set<string>();
      batch = { ids, orders: this.inTurn(saleId, ids) };
      this.next.set(saleId, batch);
    }
    batch.ids.add(orderId);
    return (await batch.orders).get(orderId) ?? null;
  }

  private async inTurn(saleId: string, ids: ReadonlySet<string>): Promise<ReadonlyMap<string, Order>> {
    await new Promise((resolve) => setImmediate(resolve));
    await this.underWay.get(saleId);
    this.next.delete(saleId);
    const found = this.read(saleId, [...ids]);
    const over = found.then(
      () => undefined,
      () => undefined,
    );
    this.underWay.set(saleId, over);
    void over.then(() => {
      if (this.underWay.get(saleId) === over) this.underWay.delete(saleId);
    });
    return found;
  }

  private async read(saleId: string, ids: readonly string[]): Promise<ReadonlyMap<string, Order>> {
    const orders = new Map<string, Order>();
    for (let i = 0; i < ids.length; i += maxOrders) {
      const part = await this.orders.findMany(saleId, ids.slice(i, i + maxOrders));
      for (const order of part) orders.set(order.id, order);
    }
    return orders;
  }
}
