import { type ReadonlySignal, signal } from '@preact/signals';
import { setClock } from '../shared/clock.js';
import { request, Refusal } from '../shared/http.js';
import { pause } from '../shared/patience.js';
import { shown } from '../shared/shown.js';
import { type Page, phaseOf, type Sale } from './model.js';

/** What the page shows of one address of the API, kept up to date. */
export interface Watched<T> {
  readonly value: T | null;
  /** why there is nothing, or nothing newer */
  readonly refusal: Refusal | null;
}

export interface Watch<T> {
  readonly state: ReadonlySignal<Watched<T>>;
  readonly stop: () => void;
}

const sellingMs = 2000;
const idleMs = 15_000;

/** A sale: often while stock moves, seldom while it does not. */
export function watchSale(saleId: string): Watch<Sale> {
  return watch(
    `/v1/sales/${encodeURIComponent(saleId)}`,
    (answer) => answer as Sale,
    (sale) => {
      const opensInMs = Date.parse(sale.opensAt) - Date.parse(sale.serverTime);
      const phase = phaseOf(sale, Date.parse(sale.serverTime));
      if (phase === 'before') return Math.max(sellingMs, Math.min(idleMs, opensInMs));
      return phase === 'closed' ? idleMs : sellingMs;
    },
  );
}

/** The newest sales. */
export function watchSales(): Watch<readonly Sale[]> {
  return watch(
    '/v1/sales',
    (answer) => (answer as Page<Sale>).data,
    () => idleMs,
  );
}

/** Asks, each time a little earlier or later so that pages do not march in step, and not at all while nobody looks. */
function watch<T>(path: string, read: (answer: unknown) => T, every: (value: T) => number): Watch<T> {
  const state = signal<Watched<T>>({ value: null, refusal: null });
  const over = new AbortController();

  async function once(): Promise<number> {
    try {
      const sentMs = Date.now();
      const answer = await request<unknown>(path, { signal: over.signal });
      const value = read(answer);
      const sale = (Array.isArray(value) ? value[0] : value) as Sale | undefined;
      if (sale !== undefined) setClock(sale.serverTime, sentMs, Date.now());
      state.value = { value, refusal: null };
      return every(value);
    } catch (error) {
      over.signal.throwIfAborted();
      if (!(error instanceof Refusal)) throw error;
      state.value = { value: state.value.value, refusal: error };
      return error.retryAfterMs ?? (error.isTemporary ? sellingMs : idleMs);
    }
  }

  async function run(): Promise<void> {
    for (;;) {
      const ms = await once();
      await pause(ms * (0.8 + Math.random() * 0.4), over.signal, 'online');
      await shown(over.signal);
    }
  }
  run().catch((error: unknown) => {
    if (!over.signal.aborted) throw error;
  });
  return {
    state,
    stop: (): void => {
      over.abort();
    },
  };
}
