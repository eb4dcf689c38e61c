import { computed, signal } from '@preact/signals';
import { serverNow } from '../shared/clock.js';
import { Refusal } from '../shared/http.js';
import { patiently, pause, type Waiting } from '../shared/patience.js';
import { requestAsBuyer } from './identity.js';
import { isBehind, isFinal, type Order, type Page } from './model.js';
import { orderEvents } from './order-events.js';

export type Step = 'confirm' | 'cancel';

/** What a buyer asked for and has not been answered yet. */
export interface Stepping {
  readonly orderId: string;
  readonly step: Step;
  readonly waiting: Waiting | null;
}

const longPollSeconds = 30;
const pollMs = 4000;
/** The reconciler ends a hold within a second of its time. */
const endedMs = 1200;

/** The buyer's own orders in a sale, each followed until it changes no more. */
export class OrderBook {
  private readonly byId = signal<ReadonlyMap<string, Order>>(new Map());
  private readonly followed = new Set<string>();
  private readonly over = new AbortController();
  private readonly path: string;

  /** newest first: ids are in the order of time */
  readonly orders = computed(() => [...this.byId.value.values()].sort((a, b) => (a.id < b.id ? 1 : -1)));
  readonly stepping = signal<Stepping | null>(null);
  /** why the last step was refused, and of which order */
  readonly refused = signal<{ readonly orderId: string; readonly refusal: Refusal } | null>(null);

  constructor(saleId: string) {
    this.path = `/v1/sales/${encodeURIComponent(saleId)}/orders`;
  }

  /** Finds the orders again: after a reload, a lost answer, on a second device. */
  async load(): Promise<void> {
    const { signal: stop } = this.over;
    const read = (): Promise<Page<Order>> => requestAsBuyer<Page<Order>>(this.path, { signal: stop });
    try {
      for (const order of (await patiently(read, { signal: stop })).data) this.add(order);
    } catch (error) {
      // who is unknown, or what sale, is said elsewhere
      if (!(error instanceof Refusal) && !stop.aborted) throw error;
    }
  }

  add(order: Order): void {
    this.keep(order);
    if (isFinal(order) || this.followed.has(order.id)) return;
    this.followed.add(order.id);
    this.follow(order.id)
      .catch((error: unknown) => {
        // the next load says what became of it
        if (!(error instanceof Refusal) && !this.over.signal.aborted) throw error;
      })
      .finally(() => this.followed.delete(order.id));
  }

  /** Safe to repeat, so it is, until there is an answer. */
  async step(order: Order, step: Step): Promise<void> {
    if (this.stepping.value !== null) return;
    const { signal: stop } = this.over;
    this.refused.value = null;
    this.stepping.value = { orderId: order.id, step, waiting: null };
    const attempt = (): Promise<Order> =>
      requestAsBuyer<Order>(`${this.path}/${order.id}/${step}`, { method: 'POST', signal: stop });
    try {
      const onWait = (waiting: Waiting | null): void => {
        this.stepping.value = { orderId: order.id, step, waiting };
      };
      this.keep(await patiently(attempt, { signal: stop, onWait }));
    } catch (error) {
      if (stop.aborted) return;
      if (!(error instanceof Refusal)) throw error;
      this.refused.value = { orderId: order.id, refusal: error };
      await this.load();
    } finally {
      this.stepping.value = null;
    }
  }

  close(): void {
    this.over.abort();
  }

  private keep(order: Order): void {
    const known = this.byId.value.get(order.id);
    if (known !== undefined && isBehind(order, known)) return;
    this.byId.value = new Map(this.byId.value).set(order.id, order);
  }

  private read(orderId: string, waitSeconds = 0): Promise<Order> {
    const timeoutMs = (waitSeconds + 15) * 1000;
    const path = `${this.path}/${orderId}${waitSeconds === 0 ? '' : `?wait=${waitSeconds}`}`;
    return requestAsBuyer<Order>(path, { signal: this.over.signal, timeoutMs });
  }

  /** Waits while it is queued; then listens, or asks now and then where nobody tells. */
  private async follow(orderId: string): Promise<void> {
    const { signal: stop } = this.over;
    for (;;) {
      const order = this.byId.value.get(orderId);
      if (order === undefined || isFinal(order)) return;
      if (order.status === 'queued') {
        this.keep(await patiently(() => this.read(orderId, longPollSeconds), { signal: stop }));
        continue;
      }
      await orderEvents(`${this.path}/${orderId}/events`, stop, (now) => {
        this.keep(now);
      });
      const now = this.byId.value.get(orderId);
      if (now !== undefined && isFinal(now)) return;
      await pause(nextLookMs(now ?? order), stop, 'online');
      this.keep(await patiently(() => this.read(orderId), { signal: stop }));
    }
  }
}

/** Not all at the same moment, and soon when the hold is over. */
function nextLookMs({ holdExpiresAt }: Order): number {
  const leftMs = holdExpiresAt === undefined ? Infinity : Date.parse(holdExpiresAt) - serverNow();
  const ms = leftMs > -endedMs ? Math.min(pollMs, leftMs + endedMs) : pollMs;
  return ms * (0.75 + Math.random() * 0.5);
}
