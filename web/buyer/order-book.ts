import { computed, signal } from '@preact/signals';
import { serverNow } from '../shared/clock.js';
import { Refusal } from '../shared/http.js';
import { patiently, pause, type Waiting } from '../shared/patience.js';
import { shown } from '../shared/shown.js';
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

/** A browser has six connections to a host, for all its tabs: whoever bought more orders still needs some to click. */
const mostLines = 2;
const longPollSeconds = 30;
const pollMs = 4000;
/** The reconciler ends a hold within a second of its time. */
const endedMs = 1200;
/** the pauses between looks for an order that may still be on its way */
const looksMs = [1000, 2000, 4000, 8000, 16_000];

/** The buyer's own orders in a sale, each followed until it changes no more. */
export class OrderBook {
  private readonly byId = signal<ReadonlyMap<string, Order>>(new Map());
  private readonly followed = new Set<string>();
  /** by order: what ends the connection on which its next change is awaited */
  private readonly lines = new Map<string, AbortController>();
  private readonly over = new AbortController();
  private readonly path: string;

  /** newest first: ids are in the order of time */
  readonly orders = computed(() => [...this.byId.value.values()].sort((a, b) => (a.id < b.id ? 1 : -1)));
  readonly stepping = signal<Stepping | null>(null);
  /** why the last step was refused, and of which order */
  readonly refused = signal<{ readonly orderId: string; readonly refusal: Refusal } | null>(null);

  constructor(saleId: string) {
    this.path = `/v1/sales/${encodeURIComponent(saleId)}/orders`;
    document.addEventListener('visibilitychange', this.hangUp, { signal: this.over.signal });
  }

  /** Finds the orders again: after a reload, a lost answer, on a second device. */
  async load(): Promise<void> {
    const { signal: stop } = this.over;
    const read = (query: string): Promise<Page<Order>> =>
      patiently(() => requestAsBuyer<Page<Order>>(this.path + query, { signal: stop }), { signal: stop });
    try {
      for (let next: string | null = ''; next !== null;) {
        const page: Page<Order> = await read(next === '' ? '' : `?cursor=${next}`);
        for (const order of page.data) this.add(order);
        next = page.nextCursor;
      }
    } catch (error) {
      // who is unknown, or what sale, is said elsewhere
      if (!(error instanceof Refusal) && !stop.aborted) throw error;
    }
  }

  /** Looks a few times, over half a minute, for an order that may still be on its way. */
  async lookOut(): Promise<void> {
    const { signal: stop } = this.over;
    try {
      await this.load();
      for (const ms of looksMs) {
        await pause(ms, stop);
        await this.load();
      }
    } catch (error) {
      if (!stop.aborted) throw error;
    }
  }

  add(order: Order): void {
    this.keep(order);
    if (isFinal(order) || this.followed.has(order.id)) return;
    this.followed.add(order.id);
    this.hangUp();
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

  private async read(orderId: string, signal: AbortSignal, waitSeconds = 0): Promise<void> {
    const timeoutMs = (waitSeconds + 15) * 1000;
    const path = `${this.path}/${orderId}${waitSeconds === 0 ? '' : `?wait=${waitSeconds}`}`;
    this.keep(await patiently(() => requestAsBuyer<Order>(path, { signal, timeoutMs }), { signal }));
  }

  /** Waits for its next change on a connection, if it may have one; asks now and then otherwise, or where nobody tells. */
  private async follow(orderId: string): Promise<void> {
    const { signal: stop } = this.over;
    const now = (): Order | undefined => this.byId.peek().get(orderId);
    for (let order = now(); order !== undefined && !isFinal(order); order = now()) {
      await shown(stop);
      if (this.mayListen(orderId) && (await this.listen(order))) continue;
      await pause(nextLookMs(order), stop, 'online');
      await this.read(orderId, stop);
    }
  }

  /** @returns whether to go on at once: something was told, or the connection is another's now */
  private async listen({ id, status }: Order): Promise<boolean> {
    const line = new AbortController();
    const signal = AbortSignal.any([this.over.signal, line.signal]);
    this.lines.set(id, line);
    try {
      if (status === 'queued') {
        await this.read(id, signal, longPollSeconds);
        return true;
      }
      await orderEvents(`${this.path}/${id}/events`, signal, (order) => {
        this.keep(order);
      });
      return this.byId.peek().get(id)?.status !== status;
    } catch (error) {
      if (!line.signal.aborted) throw error;
      return true;
    } finally {
      this.lines.delete(id);
    }
  }

  private mayListen(orderId: string): boolean {
    const open = this.orders.peek().filter((order) => !isFinal(order));
    return !document.hidden && open.slice(0, mostLines).some(({ id }) => id === orderId);
  }

  private readonly hangUp = (): void => {
    for (const [orderId, line] of this.lines) if (!this.mayListen(orderId)) line.abort();
  };
}

/** Not all at the same moment, and soon when the hold is over. */
function nextLookMs({ holdExpiresAt }: Order): number {
  const leftMs = holdExpiresAt === undefined ? Infinity : Date.parse(holdExpiresAt) - serverNow();
  const ms = leftMs > -endedMs ? Math.min(pollMs, leftMs + endedMs) : pollMs;
  return ms * (0.75 + Math.random() * 0.5);
}
