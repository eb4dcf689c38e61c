import type { RedisServer } from '../redis/index.js';
import type { QueuedOrder } from './outbox-entry.js';
import { reserve, type ReserveOutcome } from './reserve.script.js';

/** Orders in one script: Redis serves nobody else meanwhile, about 15 µs an order. */
const maxOrders = 64;

interface Waiting {
  readonly order: QueuedOrder;
  readonly done: (outcome: ReserveOutcome) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Has the orders of a sale that come at the same time reserved by one script: what they have in common is sent and looked up
 * once. An order that comes alone goes at once; those that come while a script is under way wait for its answer.
 */
export class ReserveBatches {
  private readonly waiting = new Map<string, Waiting[]>();

  constructor(private readonly redis: RedisServer) {}

  reserve(saleId: string, order: QueuedOrder): Promise<ReserveOutcome> {
    return new Promise((done, failed) => {
      const waiting = this.waiting.get(saleId);
      if (waiting !== undefined) {
        waiting.push({ order, done, failed });
        return;
      }
      this.waiting.set(saleId, [{ order, done, failed }]);
      setImmediate(() => void this.send(saleId)); // with all that this event-loop turn brings
    });
  }

  private async send(saleId: string): Promise<void> {
    for (;;) {
      const batch = this.waiting.get(saleId) ?? [];
      if (batch.length === 0) break;
      this.waiting.set(saleId, []);
      const parts: Promise<void>[] = [];
      for (let i = 0; i < batch.length; i += maxOrders) parts.push(this.run(saleId, batch.slice(i, i + maxOrders)));
      await Promise.all(parts).catch((error: unknown) => {
        // no answer: those who came meanwhile would wait as long as those who are told so now
        for (const { failed } of this.waiting.get(saleId) ?? []) failed(error);
        this.waiting.set(saleId, []);
      });
    }
    this.waiting.delete(saleId);
  }

  /** @throws what every order of the batch without an outcome was told */
  private async run(saleId: string, batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.redis.run(
        reserve,
        saleId,
        batch.flatMap(({ order }) => argumentsOf(order)),
      );
      batch.forEach(({ done }, index) => {
        const outcome = outcomes[index];
        if (outcome === undefined) throw new Error('reserve: an order has no outcome');
        done(outcome);
      });
    } catch (error) {
      for (const { failed } of batch) failed(error);
      throw error;
    }
  }
}

function argumentsOf(order: QueuedOrder): string[] {
  const { id, buyerId, idempotency = '', bodyHash = '', items } = order;
  const args = [id, buyerId, idempotency, bodyHash, JSON.stringify(order), String(items.length)];
  for (const { ticketTypeId, quantity } of items) args.push(ticketTypeId, String(quantity));
  return args;
}
