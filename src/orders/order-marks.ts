import { Injectable } from '@nestjs/common';
import { v7 as newId } from 'uuid';
import { RedisServer, orderMarkKey } from '../redis/index.js';

/** Longer than any transaction takes with its repeats, and than a node keeps a copy. */
const markTtlMs = 60_000;

/** Whether nodes may keep copies of an order that Postgres has. */
export interface OrderMark {
  /** changes with every change; null: there was none for a while */
  readonly version: string | null;
  /** somebody is changing the order just now: what Postgres says may be old in a moment */
  readonly changing: boolean;
}

/**
 * Marks in Redis that tell every node when its copy of an order is old. The mark is there before the change is committed, so
 * no node tells a copy after another has told what came after it. Whatever changes the status of an order that Postgres has must do
 * so within `changing`.
 */
@Injectable()
export class OrderMarks {
  constructor(private readonly redis: RedisServer) {}

  /** A change that fails leaves its mark, until it expires: only a reason to ask Postgres. @throws what `change` throws, `unavailable` */
  async changing<T>(saleId: string, orderIds: readonly string[], change: () => Promise<T>): Promise<T> {
    await this.mark(saleId, orderIds, 1);
    const result = await change();
    await this.mark(saleId, orderIds, -1);
    return result;
  }

  /** Something else of these orders has changed: no copy of them is told any more. @throws DomainError `unavailable` */
  changed(saleId: string, orderIds: readonly string[]): Promise<void> {
    return this.mark(saleId, orderIds, 0);
  }

  /** @throws DomainError `unavailable` */
  async read(saleId: string, orderId: string): Promise<OrderMark> {
    const [version = null, changes] = await this.redis.call((client) =>
      client.hmget(orderMarkKey(saleId, orderId), 'version', 'changes'),
    );
    return { version, changing: Number(changes ?? 0) > 0 };
  }

  private async mark(saleId: string, orderIds: readonly string[], changes: 1 | 0 | -1): Promise<void> {
    const version = newId();
    await this.redis.call((client) =>
      Promise.all(
        orderIds.flatMap((id) => {
          const key = orderMarkKey(saleId, id);
          return [
            client.hincrby(key, 'changes', changes),
            client.hset(key, 'version', version),
            client.pexpire(key, markTtlMs),
          ];
        }),
      ),
    );
  }
}
