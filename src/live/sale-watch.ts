import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { type Sale } from '../domain/index.js';
import { eventFrame } from '../http/index.js';
import { StockStore } from '../inventory/index.js';
import { Failures } from '../observability/index.js';
import { inspectionOf, SaleRepository } from '../sales/index.js';
import { everySecondAt } from './every-second.js';
import { FiguresStore } from './figures.store.js';
import { differences, statsOf, type Reading } from './sale-stats.js';

/** Publishers add at the full second: read at the half, each reading has exactly one second more of each of them. */
const phaseMs = 500;
/** A difference that only comes from reading while orders move does not stay the same for so many readings. */
const readingsOfDrift = 3;

/** @param frame the event as it is sent, made once for all; null: the sale is gone */
type Listener = (frame: string | null) => void;

interface Watched {
  readonly listeners: Set<Listener>;
  reading?: Reading;
  last?: string;
  /** what Postgres last said: told while it is away, for then nothing changes in it */
  sale?: Sale;
  held: ReadonlyMap<string, number>;
  /** by ticket type, with the number of readings that have seen the same */
  differing: ReadonlyMap<string, { readonly difference: number; readonly times: number }>;
  busy: boolean;
}

/** Reads watched sales once a second, however many watch, and tells all of them. Nobody watches: nothing is read. */
@Injectable()
export class SaleWatch implements BeforeApplicationShutdown {
  private readonly watched = new Map<string, Watched>();
  private stopTicks: (() => void) | undefined;

  constructor(
    private readonly figures: FiguresStore,
    private readonly stock: StockStore,
    private readonly sales: SaleRepository,
    private readonly failures: Failures,
  ) {}

  /** Tells the listener at once, and then every second in which the servers answer. @returns what ends it */
  listen(saleId: string, listener: Listener): () => void {
    let watched = this.watched.get(saleId);
    if (watched === undefined) {
      watched = { listeners: new Set(), held: new Map(), differing: new Map(), busy: false };
      this.watched.set(saleId, watched);
    }
    watched.listeners.add(listener);
    if (watched.last === undefined) void this.read(saleId, watched);
    else listener(watched.last);
    this.stopTicks ??= everySecondAt(phaseMs, () => {
      for (const [id, each] of this.watched) void this.read(id, each);
    });
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size === 0 && this.watched.get(saleId) === watched) this.watched.delete(saleId);
      if (this.watched.size === 0) this.beforeApplicationShutdown();
    };
  }

  beforeApplicationShutdown(): void {
    this.stopTicks?.();
    this.stopTicks = undefined;
  }

  private async read(saleId: string, watched: Watched): Promise<void> {
    const atMs = Math.floor(Date.now() / 1000) * 1000 + phaseMs;
    if (watched.busy || watched.reading?.atMs === atMs) return;
    watched.busy = true;
    try {
      const [tally, inspection] = await Promise.all([
        this.figures.read(saleId),
        this.stock.inspect(saleId),
        this.askPostgres(saleId, watched).catch((error: unknown) => {
          this.failures.note('sale-watch', error);
        }),
      ]);
      if (watched.sale === undefined) return;
      const { sale, held } = watched;
      const reading = { atMs, tally, inspection: inspectionOf(sale, inspection), sale, held };
      const stats = statsOf(reading, watched.reading ?? reading, this.drifts(watched, reading));
      watched.reading = reading;
      watched.last = eventFrame({ event: 'stats', data: stats });
      for (const listener of [...watched.listeners]) listener(watched.last);
    } catch (error) {
      this.failures.note('sale-watch', error); // the next second's rates speak of this one too
    } finally {
      watched.busy = false;
    }
  }

  /** @throws DomainError `unavailable` */
  private async askPostgres(saleId: string, watched: Watched): Promise<void> {
    watched.held = await this.sales.held(saleId);
    const sale = await this.sales.find(saleId);
    if (sale !== null) watched.sale = sale;
    else for (const listener of [...watched.listeners]) listener(null);
  }

  private drifts(watched: Watched, reading: Reading): Map<string, number> {
    const differing = new Map<string, { difference: number; times: number }>();
    for (const [id, difference] of differences(reading)) {
      const before = watched.differing.get(id);
      differing.set(id, { difference, times: before?.difference === difference ? before.times + 1 : 1 });
    }
    watched.differing = differing;
    const stay = [...differing].filter(([, { times }]) => times >= readingsOfDrift);
    return new Map(stay.map(([id, { difference }]) => [id, difference]));
  }
}
