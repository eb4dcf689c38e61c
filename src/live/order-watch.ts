import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Order } from '../domain/index.js';
import { Failures } from '../observability/index.js';
import { OrderChanges, OrderReader } from '../orders/index.js';

/** Orders of one look: a few milliseconds of Redis's time and of Postgres's. */
const maxBatch = 500;
/** While a server is away, or a sale is recovering. */
const retryMs = 1000;

interface Watched {
  readonly saleId: string;
  readonly listeners: Set<(order: Order | null) => void>;
  readonly unwatch: () => void;
}

/**
 * Tells listeners of changes of orders. Orders that changed at about the same time are read together, each once however many
 * listen; a read begins only after the last has ended, so what is told of an order comes in the order in which it was true.
 */
@Injectable()
export class OrderWatch implements BeforeApplicationShutdown {
  /** A message that Redis lost without the connection being cut is made up for within this time. */
  lookAgainMs = 30_000;
  private readonly watched = new Map<string, Watched>();
  private readonly changed = new Set<string>();
  private reading = false;
  private readonly timers = new Set<NodeJS.Timeout>();
  private safety: NodeJS.Timeout | undefined;

  constructor(
    private readonly reader: OrderReader,
    private readonly changes: OrderChanges,
    private readonly failures: Failures,
  ) {}

  /**
   * Calls `listener` whenever the order may have changed since: with the order, or with null where it is lost for good.
   * @returns what ends it
   */
  listen(saleId: string, orderId: string, listener: (order: Order | null) => void): () => void {
    const known = this.watched.get(orderId);
    const watched: Watched = known ?? {
      saleId,
      listeners: new Set(),
      unwatch: this.changes.watch(orderId, () => {
        this.look(orderId);
      }),
    };
    if (known === undefined) this.watched.set(orderId, watched);
    this.safety ??= setInterval(() => {
      for (const id of this.watched.keys()) this.look(id);
    }, this.lookAgainMs);
    watched.listeners.add(listener);
    return () => {
      if (!watched.listeners.delete(listener) || watched.listeners.size > 0) return;
      watched.unwatch();
      this.watched.delete(orderId);
      if (this.watched.size > 0) return;
      clearInterval(this.safety);
      this.safety = undefined;
    };
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.safety);
    for (const timer of this.timers) clearTimeout(timer);
  }

  private look(orderId: string): void {
    this.changed.add(orderId);
    if (this.reading) return;
    this.reading = true;
    // what one message names goes in one look
    setImmediate(() => void this.readChanged());
  }

  private async readChanged(): Promise<void> {
    while (this.changed.size > 0) {
      const bySale = new Map<string, string[]>();
      for (const id of [...this.changed].slice(0, maxBatch)) {
        this.changed.delete(id);
        const saleId = this.watched.get(id)?.saleId;
        if (saleId === undefined) continue;
        const others = bySale.get(saleId);
        if (others === undefined) bySale.set(saleId, [id]);
        else others.push(id);
      }
      await Promise.all([...bySale].map(([saleId, ids]) => this.read(saleId, ids)));
    }
    this.reading = false;
  }

  private async read(saleId: string, orderIds: readonly string[]): Promise<void> {
    try {
      const { found, lost } = await this.reader.findMany(saleId, orderIds);
      const untold = new Set(orderIds);
      const tell = (orderId: string, order: Order | null): void => {
        untold.delete(orderId);
        for (const listener of [...(this.watched.get(orderId)?.listeners ?? [])]) listener(order);
      };
      for (const order of found) tell(order.id, order);
      for (const id of lost) tell(id, null);
      this.lookLater([...untold]);
    } catch (error) {
      this.failures.note('order-watch', error);
      this.lookLater(orderIds);
    }
  }

  private lookLater(orderIds: readonly string[]): void {
    if (orderIds.length === 0) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      for (const id of orderIds) if (this.watched.has(id)) this.look(id);
    }, retryMs);
    this.timers.add(timer);
  }
}
