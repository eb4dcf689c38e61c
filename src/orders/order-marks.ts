import { readFileSync } from 'node:fs';
import { Injectable } from '@nestjs/common';
import { v7 as newId } from 'uuid';
import { RedisServer, orderMarkKey, type Script } from '../redis/index.js';

/** Orders that one script marks: about a millisecond of Redis's time. */
const maxOrders = 500;

const mark: Script<null> = {
  name: 'mark-orders',
  lua: readFileSync(new URL('mark-orders.lua', import.meta.url), 'utf8'),
  keys: [],
  parse: () => null,
};

/** Whether nodes may keep copies of an order that Postgres has. */
export interface OrderMark {
  /** another one with every change; null: there was none for a while */
  readonly version: string | null;
  /** somebody is changing the order, or did and never said how it ended: what Postgres says may be old in a moment */
  readonly changing: boolean;
}

/**
 * Marks in Redis that tell every node when its copy of an order is old. The mark is there before the change is committed, so
 * no node tells a copy after another has told what came after it. Whatever changes the status of an order that Postgres has must do
 * so within `changing`.
 */
@Injectable()
export class OrderMarks {
  /** How long a mark lives whose change has ended: longer than a node keeps a copy. */
  keptMs = 60_000;
  /**
   * How long a mark lives whose change has not: Postgres may carry out what its caller gave up long ago, where it stood still
   * meanwhile. All that a mark costs is a question to Postgres.
   */
  openMs = 3_600_000;

  constructor(private readonly redis: RedisServer) {}

  /** A change that fails may yet happen, so it leaves its mark until that expires. @throws what `change` throws, `unavailable` */
  async changing<T>(saleId: string, orderIds: readonly string[], change: () => Promise<T>): Promise<T> {
    const id = newId();
    await this.mark(saleId, orderIds, 'begin', id);
    let result: T;
    try {
      result = await change();
    } catch (error) {
      await this.mark(saleId, orderIds, 'lose', id).catch(() => undefined); // then it stays as it is, which says the same
      throw error;
    }
    await this.mark(saleId, orderIds, 'end', id);
    return result;
  }

  /** Something else of these orders has changed: no copy of them is told any more. @throws DomainError `unavailable` */
  changed(saleId: string, orderIds: readonly string[]): Promise<void> {
    return this.mark(saleId, orderIds, 'end', newId());
  }

  /** @throws DomainError `unavailable` */
  async read(saleId: string, orderId: string): Promise<OrderMark> {
    const { version = null, ...changes } = await this.redis.call((client) =>
      client.hgetall(orderMarkKey(saleId, orderId)),
    );
    return { version, changing: Object.keys(changes).length > 0 };
  }

  private async mark(
    saleId: string,
    orderIds: readonly string[],
    step: 'begin' | 'end' | 'lose',
    changeId: string,
  ): Promise<void> {
    const keys = orderIds.map((id) => orderMarkKey(saleId, id));
    for (let i = 0; i < keys.length; i += maxOrders) {
      const args = [step, changeId, newId(), this.openMs, this.keptMs];
      await this.redis.run(mark, saleId, args, keys.slice(i, i + maxOrders));
    }
  }
}
