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
}

/** The buyer's purchase in a sale: at most one at a time, repeated under one key until an answer is known. */
export class Purchase {
  private readonly storageKey: string;
  private over = new AbortController();

  readonly isUnderWay = signal(false);
  readonly waiting = signal<Waiting | null>(null);
  readonly refusal = signal<Refusal | null>(null);

  /** given up; whether it came through shows in the book */
  readonly isGivenUp = signal(false);

  constructor(
    private readonly saleId: string,
    private readonly book: OrderBook,
  ) {
    this.storageKey = `sluice.attempt.${saleId}`;
  }

  begin(body: PurchaseBody): void {
    if (this.isUnderWay.value) return; // a double click
    const attempt = { key: randomKey(), body };
    tabStorage.write(this.storageKey, attempt); // before it is sent: the page may go away at any moment
    this.run(attempt);
  }

  /** Goes on with what a page that was closed or reloaded has left. */
  resume(): void {
    const attempt = tabStorage.read(this.storageKey) as Attempt | null;
    if (attempt !== null && !this.isUnderWay.value) this.run(attempt);
  }

  /** Tries no more. What was sent may have come through. */
  giveUp(): void {
    this.close();
    tabStorage.write(this.storageKey, null);
    this.isGivenUp.value = true;
    void this.book.load();
  }

  /** The page goes away; the attempt stays for the next. */
  close(): void {
    this.over.abort();
    this.over = new AbortController();
    this.isUnderWay.value = false;
    this.waiting.value = null;
  }

  private run({ key, body }: Attempt): void {
    const { signal: stop } = this.over;
    const onWait = (waiting: Waiting | null): void => {
      this.waiting.value = waiting;
    };
    const path = `/v1/sales/${encodeURIComponent(this.saleId)}/orders`;
    const headers = { 'idempotency-key': key };
    const attempt = (): Promise<Order> =>
      requestAsBuyer<Order>(path, { method: 'POST', headers, json: body, signal: stop });
    this.isUnderWay.value = true;
    this.refusal.value = null;
    this.isGivenUp.value = false;
    patiently(attempt, { signal: stop, onWait }).then(
      (order) => {
        this.answered();
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
    this.isUnderWay.value = false;
  }
}
