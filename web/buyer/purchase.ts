import { signal } from '@preact/signals';
import { Refusal } from '../shared/http.js';
import { patiently, type Waiting } from '../shared/patience.js';
import { randomKey } from '../shared/random-key.js';
import { tabStorage } from '../shared/storage.js';
import { requestAsBuyer } from './identity.js';
import type { Order, PurchaseBody } from './model.js';
import type { OrderBook } from './order-book.js';

/** One purchase: what it asks for, under the key that makes every repeat the same order. */
interface Attempt {
  readonly key: string;
  readonly body: PurchaseBody;
  /** whose it is: nobody else goes on with it */
  readonly buyerId: string | null;
}

/** What somebody has filled in and not sent yet. */
export interface Draft {
  readonly quantities?: Readonly<Record<string, number>>;
  /** by name of the field, as its control has it */
  readonly answers?: Readonly<Record<string, string | boolean>>;
}

/** The buyer's purchase in a sale: at most one at a time, repeated under one key until an answer is known. */
export class Purchase {
  private readonly storageKey: string;
  private over = new AbortController();
  private current: Attempt | null = null;
  /** the attempt that was given up, and how many orders were known then */
  private doubtful: { readonly attempt: Attempt; readonly orders: number } | null = null;

  readonly isUnderWay = signal(false);
  readonly waiting = signal<Waiting | null>(null);
  readonly refusal = signal<Refusal | null>(null);

  /** given up; whether it came through shows in the book */
  readonly isGivenUp = signal(false);

  /** null: nothing was touched since the last order */
  readonly draft = signal<Draft | null>(null);

  constructor(
    private readonly saleId: string,
    readonly buyerId: string | null,
    private readonly book: OrderBook,
  ) {
    this.storageKey = `sluice.attempt.${saleId}`;
  }

  begin(body: PurchaseBody): void {
    if (this.isUnderWay.value) return; // a double click
    const attempt = this.attemptAt(body);
    tabStorage.write(this.storageKey, attempt); // before it is sent: the page may go away at any moment
    this.run(attempt);
  }

  /** Goes on with what a page that was closed or reloaded has left. */
  resume(): void {
    const attempt = tabStorage.read(this.storageKey) as Attempt | null;
    if (attempt?.buyerId === this.buyerId && !this.isUnderWay.value) this.run(attempt);
  }

  /** Tries no more. What was sent may have come through, or may yet. */
  giveUp(): void {
    this.doubtful = this.current && { attempt: this.current, orders: this.book.orders.peek().length };
    this.close();
    tabStorage.write(this.storageKey, null);
    this.isGivenUp.value = true;
    void this.book.lookOut();
  }

  /** The page goes away; the attempt stays for the next. */
  close(): void {
    this.over.abort();
    this.over = new AbortController();
    this.isUnderWay.value = false;
    this.waiting.value = null;
  }

  /** The same again, after it was given up and before an order has shown up, is no second order. */
  private attemptAt(body: PurchaseBody): Attempt {
    const { doubtful, book, buyerId } = this;
    const isSame = JSON.stringify(doubtful?.attempt.body) === JSON.stringify(body);
    if (doubtful !== null && isSame && book.orders.peek().length === doubtful.orders) return doubtful.attempt;
    return { key: randomKey(), body, buyerId };
  }

  private run(attempt: Attempt): void {
    const { signal: stop } = this.over;
    const onWait = (waiting: Waiting | null): void => {
      this.waiting.value = waiting;
    };
    const path = `/v1/sales/${encodeURIComponent(this.saleId)}/orders`;
    const headers = { 'idempotency-key': attempt.key };
    const send = (): Promise<Order> =>
      requestAsBuyer<Order>(path, { method: 'POST', headers, json: attempt.body, signal: stop });
    this.current = attempt;
    this.isUnderWay.value = true;
    this.refusal.value = null;
    this.isGivenUp.value = false;
    patiently(send, { signal: stop, onWait }).then(
      (order) => {
        this.answered();
        this.draft.value = null;
        this.book.add(order);
      },
      (error: unknown) => {
        if (stop.aborted) return;
        if (!(error instanceof Refusal)) throw error;
        // whoever signs in again goes on with it
        if (error.code === 'unauthenticated') this.isUnderWay.value = false;
        else this.answered();
        this.refusal.value = error;
      },
    );
  }

  private answered(): void {
    tabStorage.write(this.storageKey, null);
    this.doubtful = null;
    this.isUnderWay.value = false;
  }
}
